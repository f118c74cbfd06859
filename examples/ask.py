"""Asks the model of the quickstart; the stock client takes OPENAI_BASE_URL and OPENAI_API_KEY from the environment."""

import json
import sys
import time
from pathlib import Path

from openai import APIError, OpenAI

known = {each["question"]: each for each in json.loads((Path(__file__).parents[1] / "models/answers.json").read_text())}
try:
    ask = OpenAI(max_retries=0, timeout=60).chat.completions.with_raw_response.create
    for question in sys.argv[1:] or ["What is a ModelConfig?", "stream: How do I roll back?", "리비전이 뭐예요?"]:
        began, answer, first = time.monotonic(), "", 0.0
        said = {"role": "user", "content": question.removeprefix("stream: ")}
        options = {} if said["content"] == question else {"stream": True, "stream_options": {"include_usage": True}}
        head = ask(model="quickstart/assistant", messages=[said], **options)
        for part in head.parse() if options else [head.parse()]:
            for choice in part.choices:
                answer += (choice.delta if options else choice.message).content or ""
            first, usage = first or (time.monotonic() - began if answer else 0), part.usage
        print(f"question: {question}\nanswer: {answer}")
        print(f"tokens: {usage.prompt_tokens} prompt, {usage.completion_tokens} completion, {usage.total_tokens} total")
        print(f"model: {head.headers['x-plimsoll-model']}, revision {head.headers['x-plimsoll-revision']}")
        print(f"time: {first:.3f} s to the first token, {time.monotonic() - began:.3f} s in all")
        print(f"request: {head.headers['x-request-id']}", flush=True)
        if answer != known.get(said["content"], {"answer": answer})["answer"]:
            sys.exit(f"wrong: the answer is {known[said['content']]['answer']!r}")
except APIError as error:
    sys.exit(f"refused: {getattr(error, 'status_code', 0)} {error.code}: {(error.body or {}).get('message', error)}")
