//go:build tools

// The S3 server that tests fetch from, pinned here and built once.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
