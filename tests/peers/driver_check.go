// What the Go driver must be able to do against the service: prints one JSON object.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	gremlingo "github.com/apache/tinkerpop/gremlin-go/v3/driver"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	found := map[string]any{}
	client := must(gremlingo.NewClient(os.Args[1]))
	set := must(client.Submit("g.inject(1,'a',[1,2])"))
	text := []any{}
	for _, result := range must(set.All()) {
		text = append(text, result.Data)
	}
	found["text"] = fmt.Sprint(text...)
	set = must(client.Submit("g.inject(1).repeat(union(identity(),identity())).times(8)"))
	found["batches"] = len(must(set.All()))
	set, err := client.Submit("g.V(")
	if err == nil {
		_, err = set.All()
	}
	found["refused"] = err != nil
	client.Close()
	remote := must(gremlingo.NewDriverRemoteConnection(os.Args[1]))
	g := gremlingo.Traversal_().With(remote)
	must(0, <-g.V().Drop().Iterate())
	for _, end := range []string{"rollback", "commit"} {
		tx := g.Tx()
		inside := must(tx.Begin())
		must(0, <-inside.AddV("person").Property("name", "x").Iterate())
		if end == "rollback" {
			must(0, tx.Rollback())
		} else {
			must(0, tx.Commit())
		}
		found[end] = must(g.V().Count().Next()).Data
	}
	found["values"] = fmt.Sprint(must(g.V().Values("name").Next()).Data)
	date := must(g.Inject(time.Date(2024, 2, 29, 1, 2, 3, 0, time.UTC)).Next())
	found["date"] = date.Data.(time.Time).UTC().Format(time.RFC3339)
	found["path"] = fmt.Sprint(must(g.V().Path().By("name").Next()).Data)
	remote.Close()
	must(0, json.NewEncoder(os.Stdout).Encode(found))
}
