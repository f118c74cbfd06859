"""The operator: listens, then observes, plans and acts. The only room that imports kopf."""
