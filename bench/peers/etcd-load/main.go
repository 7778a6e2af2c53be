// Command etcd-load puts a load on etcd through its own Go client, for side-by-side measurements.
// It prints one JSON line: operations, seconds, rate, and latency percentiles in milliseconds.
// Built against Debian's golang-etcd-server-dev (GO111MODULE=off, GOPATH=/usr/share/gocode).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"
)

type result struct {
	Operation   string  `json:"operation"`
	Outstanding int     `json:"outstanding"`
	Connections int     `json:"connections"`
	Operations  int     `json:"operations"`
	Errors      int     `json:"errors"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"rate"`
	P50         float64 `json:"p50Ms"`
	P99         float64 `json:"p99Ms"`
}

func main() {
	endpoints := flag.String("endpoints", "127.0.0.1:2379", "comma separated")
	operation := flag.String("operation", "put", "put, get (linearizable) or serializable-get")
	outstanding := flag.Int("outstanding", 1, "concurrent operations")
	connections := flag.Int("connections", 1, "client connections")
	seconds := flag.Float64("seconds", 5, "measured time")
	warmup := flag.Float64("warmup", 1, "seconds before it")
	size := flag.Int("size", 128, "value size in bytes")
	keys := flag.Int("keys", 10000, "distinct keys")
	timeout := flag.Duration("timeout", 10*time.Second, "of one try")
	trace := flag.Bool("trace", false, "print start and end of every success, in microseconds since 1970, instead of the summary")
	flag.Parse()

	clients := make([]*clientv3.Client, *connections)
	for i := range clients {
		client, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(*endpoints, ","), DialTimeout: 5 * time.Second})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		clients[i] = client
	}
	value := strings.Repeat("v", *size)
	begin := time.Now().Add(time.Duration(*warmup * float64(time.Second)))
	end := begin.Add(time.Duration(*seconds * float64(time.Second)))
	latencies := make([][]float64, *outstanding)
	errors := make([]int, *outstanding)
	lines := make(chan string, 4096)
	go func() {
		for line := range lines {
			os.Stdout.WriteString(line)
		}
	}()
	var group sync.WaitGroup
	for worker := 0; worker < *outstanding; worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			random := rand.New(rand.NewSource(int64(worker)))
			client := clients[worker%len(clients)]
			for {
				start := time.Now()
				if start.After(end) {
					return
				}
				key := fmt.Sprintf("key-%011d", random.Intn(*keys))
				var err error
				ctx, cancel := context.WithTimeout(context.Background(), *timeout)
				switch *operation {
				case "put":
					_, err = client.Put(ctx, key, value)
				case "get":
					_, err = client.Get(ctx, key)
				default:
					_, err = client.Get(ctx, key, clientv3.WithSerializable())
				}
				cancel()
				finish := time.Now()
				if *trace {
					if err == nil {
						lines <- fmt.Sprintf("%d %d\n", start.UnixMicro(), finish.UnixMicro())
					}
					continue
				}
				if finish.Before(begin) || finish.After(end) {
					continue
				}
				if err != nil {
					errors[worker]++
					continue
				}
				latencies[worker] = append(latencies[worker], float64(finish.Sub(start).Microseconds())/1000)
			}
		}(worker)
	}
	group.Wait()
	if *trace {
		time.Sleep(100 * time.Millisecond)
		return
	}
	all := []float64{}
	failed := 0
	for worker := range latencies {
		all = append(all, latencies[worker]...)
		failed += errors[worker]
	}
	sort.Float64s(all)
	at := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return all[int(share*float64(len(all)-1))]
	}
	json.NewEncoder(os.Stdout).Encode(result{*operation, *outstanding, *connections, len(all), failed, *seconds, float64(len(all)) / *seconds, at(0.5), at(0.99)})
}
