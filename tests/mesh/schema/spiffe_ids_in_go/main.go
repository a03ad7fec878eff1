// Expands templates of SPIFFE IDs with text/template, and parses what they expand to with the SPIFFE project's library.
// It answers each JSON request on stdin with one line of JSON on stdout.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

type request struct {
	Template *string
	Fields   map[string]string
	Labels   map[string]string
	Domain   *string // a trust domain
	Path     *string
}

type answer struct {
	Text  string `json:"text"`
	Error string `json:"error"`
}

func main() {
	requests, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked request
		if requests.Decode(&asked) != nil {
			return // stdin is closed
		}
		text, err := respond(asked)
		given := answer{Text: text}
		if err != nil {
			given.Error = err.Error()
		}
		answers.Encode(given)
	}
}

func respond(asked request) (string, error) {
	switch {
	case asked.Template != nil:
		return expand(*asked.Template, asked.Fields, asked.Labels)
	case asked.Domain != nil:
		// Without a scheme; TrustDomainFromString takes a whole SPIFFE ID as well.
		parsed, err := spiffeid.FromString("spiffe://" + *asked.Domain)
		return parsed.TrustDomain().Name(), err
	}
	return *asked.Path, spiffeid.ValidatePath(*asked.Path)
}

func expand(text string, fields, labels map[string]string) (string, error) {
	label := func(key string) (string, error) {
		value, found := labels[key]
		if !found {
			return "", fmt.Errorf("label %s not found", key)
		}
		return value, nil
	}
	parsed, err := template.New("").Option("missingkey=error").Funcs(template.FuncMap{"label": label}).Parse(text)
	if err != nil {
		return "", err
	}
	var written strings.Builder
	err = parsed.Execute(&written, fields)
	return written.String(), err
}
