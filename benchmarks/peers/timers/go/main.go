// SPDX-License-Identifier: Apache-2.0

// peer-timers-go COUNT WORKERS: so many goroutines that each sleep for a random time of up to a second. Prints one line of
// JSON: seconds of wall and CPU time, and the 99th percentile of how much later than asked one ran again.
package main

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: peer-timers-go COUNT WORKERS")
	}
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	workers, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(workers)
	late := make([]time.Duration, count)
	// The minimal standard generator of the C++ library (minstd_rand), so that all programs take the same naps.
	random := uint64(1)
	var all sync.WaitGroup
	all.Add(count)
	cpu := cpuSeconds()
	start := time.Now()
	for i := 0; i < count; i++ {
		random = random * 48271 % 2147483647
		go func(i int, nap time.Duration) {
			asleep := time.Now()
			time.Sleep(nap)
			late[i] = time.Since(asleep) - nap
			all.Done()
		}(i, time.Duration(random%1000000000))
	}
	all.Wait()
	wall := time.Since(start).Seconds()
	used := cpuSeconds() - cpu
	sort.Slice(late, func(i, j int) bool { return late[i] < late[j] })
	if late[0] < 0 {
		log.Fatal("a sleep was too short")
	}
	fmt.Printf("{\"wall\": %.3f, \"cpu\": %.3f, \"late_p99\": %.6f}\n", wall, used, late[count*99/100].Seconds())
}
