// SPDX-License-Identifier: Apache-2.0

// peer-go: weft-serve's /plain, /compute?ms=N and /block?ms=N on net/http. Everything runs in the goroutine of its
// connection: Go's scheduler preempts what computes, and starts threads for what blocks in the kernel.
package main

import (
	"flag"
	"log"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

const unitArgument = 20 // as weft-serve's: some tens of microseconds

//go:noinline
func fibonacci(n int) int {
	if n < 2 {
		return n
	}
	return fibonacci(n-1) + fibonacci(n-2)
}

var unit = measureUnit()

// measureUnit takes the cheapest of many, so a busy neighbour does not make the unit look dearer.
func measureUnit() time.Duration {
	best := time.Duration(1 << 62)
	for i := 0; i < 2000; i++ {
		start := time.Now()
		fibonacci(unitArgument)
		if spent := time.Since(start); spent < best {
			best = spent
		}
	}
	return best
}

func spend(ms float64) {
	for units := int(ms * 1e6 / float64(unit.Nanoseconds())); units > 0; units-- {
		fibonacci(unitArgument)
	}
}

// block keeps its thread in a system call, which time.Sleep would not.
func block(ms float64) {
	left := syscall.NsecToTimespec(int64(ms * 1e6))
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}

// after answers with the greeting when work has got the request's milliseconds.
func after(work func(ms float64)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ms, err := strconv.ParseFloat(r.URL.Query().Get("ms"), 64)
		if err != nil || ms < 0 || ms > 60000 {
			http.Error(w, "ms must be a number from 0 to 60000", http.StatusBadRequest)
			return
		}
		work(ms)
		greet(w, r)
	}
}

func greet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Write([]byte("Hello, World!"))
}

func main() {
	port := flag.Int("port", 8080, "port on 127.0.0.1")
	flag.Parse()
	http.HandleFunc("/plain", greet)
	http.HandleFunc("/compute", after(spend))
	http.HandleFunc("/block", after(block))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+strconv.Itoa(*port), nil))
}
