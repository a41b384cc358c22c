// client.go - a Go registry client against a registry: `client URL SUBJECT`, with records of other clients on
// standard input (one a line, hexadecimal). Prints what it wrote and read as JSON.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/riferrei/srclient"
)

const order = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},` +
	`{"name":"item","type":"string"},{"name":"price","type":["null","double"],"default":null}]}`
const other = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}`

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func encode(schema *srclient.Schema) string {
	body, err := schema.Codec().BinaryFromNative(nil, map[string]interface{}{
		"id": int64(7), "item": "from go", "price": map[string]interface{}{"double": 2.5}})
	must(err)
	frame := make([]byte, 5, 5+len(body))
	binary.BigEndian.PutUint32(frame[1:], uint32(schema.ID()))
	return hex.EncodeToString(append(frame, body...))
}

func decode(client *srclient.SchemaRegistryClient, line string) interface{} {
	record, err := hex.DecodeString(line)
	must(err)
	schema, err := client.GetSchema(int(binary.BigEndian.Uint32(record[1:5])))
	must(err)
	value, _, err := schema.Codec().NativeFromBinary(record[5:])
	must(err)
	return value
}

func main() {
	client := srclient.CreateSchemaRegistryClient(os.Args[1])
	subject := os.Args[2]
	schema, err := client.CreateSchema(subject, order, srclient.Avro)
	must(err)
	found, err := client.LookupSchema(subject, order, srclient.Avro)
	must(err)
	latest, err := client.GetLatestSchema(subject)
	must(err)
	first, err := client.GetSchemaByVersion(subject, 1)
	must(err)
	versions, err := client.GetSchemaVersions(subject)
	must(err)
	subjects, err := client.GetSubjects()
	must(err)
	_, err = client.ChangeSubjectCompatibilityLevel(subject, srclient.Full)
	must(err)
	level, err := client.GetCompatibilityLevel(subject, true)
	must(err)
	compatible, err := client.IsSchemaCompatible(subject, other, "latest", srclient.Avro)
	must(err)
	_, refused := client.CreateSchema(subject, other, srclient.Avro)
	var read []interface{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		read = append(read, decode(srclient.CreateSchemaRegistryClient(os.Args[1]), lines.Text()))
	}
	text, err := json.Marshal(map[string]interface{}{
		"ids":  []int{schema.ID(), found.ID(), latest.ID(), first.ID()},
		"wire": encode(schema), "read": read, "versions": versions, "subjects": subjects,
		"level": level.String(), "compatible": compatible, "refused": fmt.Sprint(refused)})
	must(err)
	fmt.Println(string(text))
}
