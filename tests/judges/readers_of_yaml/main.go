// Reads YAML and JSON as kubectl and kumactl do.
// It answers each JSON request on stdin with one line of JSON on stdout.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type answer struct {
	Documents []json.RawMessage `json:"documents"`
	Error     string            `json:"error"`
}

// kumahq/kuma:pkg/util/yaml/split.go
var separator = regexp.MustCompile(`(?:^|\s*\n)---\s*`)

func main() {
	requests, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked struct {
			Text    []byte
			Program string
		}
		if requests.Decode(&asked) != nil {
			return // stdin is closed
		}
		read := kubectl
		if asked.Program == "kumactl" {
			read = kumactl
		}
		given := answer{Documents: []json.RawMessage{}}
		if err := read(asked.Text, &given); err != nil {
			given.Error = err.Error()
		}
		answers.Encode(given)
	}
}

// kubectl reads as StreamVisitor does (k8s.io/cli-runtime/pkg/resource/visitor.go).
func kubectl(text []byte, given *answer) error {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var document json.RawMessage
		if err := decoder.Decode(&document); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		add(document, given)
	}
}

// kumactl reads as its apply command does (kumahq/kuma:app/kumactl/cmd/apply/apply.go).
func kumactl(text []byte, given *answer) error {
	for _, part := range separator.Split(strings.TrimSpace(string(text)), -1) {
		document, err := yaml.YAMLToJSON([]byte(strings.TrimSpace(part)))
		if err != nil {
			return err
		}
		add(document, given)
	}
	return nil
}

func add(document []byte, given *answer) {
	if document = bytes.TrimSpace(document); len(document) != 0 && string(document) != "null" {
		given.Documents = append(given.Documents, document)
	}
}
