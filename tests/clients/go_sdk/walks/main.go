// Walks through AWS Private CA with the AWS SDK for Go v2, and prints a line of JSON for each check.
//
// Usage: program PROTOCOL SCENARIO [ARGUMENT...]
//
// The endpoint, the region and the credentials come from the environment, as for every program that uses the SDK.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/schemas"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"
)

const patience = 2 * time.Minute

var scenarios = map[string]func(*walk){
	"life":        life,
	"hierarchy":   hierarchy,
	"names":       names,
	"waiting":     waiting,
	"pages":       pages,
	"settings":    settings,
	"publishing":  publishing,
	"states":      states,
	"refusals":    refusals,
	"access":      access,
	"issue":       issueOnce,
	"lost-answer": loseAnswer,
}

// A walk is one scenario with one protocol.
type walk struct {
	context.Context
	*acmpca.Client
	config    aws.Config
	protocol  string
	arguments []string
	printed   *json.Encoder
}

func main() {
	if len(os.Args) < 3 || scenarios[os.Args[2]] == nil {
		fmt.Fprintln(os.Stderr, "usage: program PROTOCOL SCENARIO [ARGUMENT...]")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w := &walk{Context: ctx, protocol: os.Args[1], arguments: os.Args[3:], printed: json.NewEncoder(os.Stdout)}
	// Which errors are retried, and how often, is the SDK's default; only its pauses are shorter.
	retryer := func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 50 * time.Millisecond })
	}
	var err error
	w.config, err = config.LoadDefaultConfig(ctx, config.WithRetryer(retryer))
	w.must("the configuration is read", err)
	w.Client = w.client()
	scenarios[os.Args[2]](w)
}

// client returns a client that speaks the protocol of the walk.
func (w *walk) client(options ...func(*acmpca.Options)) *acmpca.Client {
	speak := func(o *acmpca.Options) {
		switch w.protocol {
		case "json":
			o.Protocol = awsjson.New11(schemas.ACMPrivateCA)
		case "cbor":
			o.Protocol = rpcv2.NewCBOR(schemas.ACMPrivateCA)
		}
	}
	return acmpca.NewFromConfig(w.config, slices.Insert(options, 0, speak)...)
}

// check prints whether something is as it has to be, and what it is.
func (w *walk) check(name string, ok bool, detail any) {
	w.printed.Encode(map[string]any{"name": name, "ok": ok, "detail": fmt.Sprint(detail)})
}

// must prints an error and ends the program, if there is one.
func (w *walk) must(name string, err error) {
	if err != nil {
		w.check(name, false, err)
		os.Exit(1)
	}
}

// code returns the AWS error code in an error, which may be wrapped.
func code(err error) string {
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return refused.ErrorCode()
	}
	return ""
}

// refused checks that an error has a type of the SDK.
func refused[E error](w *walk, name string, err error) {
	_, ok := errors.AsType[E](err)
	w.check(name, ok, err)
}

// refusedAs checks the code of an error that has no type of its own in the SDK.
func (w *walk) refusedAs(name, expected string, err error) {
	w.check(name, code(err) == expected, err)
}
