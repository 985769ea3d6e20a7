// SPDX-License-Identifier: Apache-2.0
// One goroutine per fork, joined by a WaitGroup.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type board [16]int8

func fits(b *board, row int, col int8) bool {
	for r := 0; r < row; r++ {
		d := int8(row - r)
		if c := b[r]; col == c || col == c-d || col == c+d {
			return false
		}
	}
	return true
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	var x int
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { x = fib(n - 1); wg.Done() }()
	y := fib(n - 2)
	wg.Wait()
	return x + y
}

func nqueens(n, row int, b board) int {
	if row == n {
		return 1
	}
	var results [16]int
	var wg sync.WaitGroup
	for col := int8(0); col < int8(n); col++ {
		if fits(&b, row, col) {
			child := b
			child[row] = col
			wg.Add(1)
			go func(out *int) { *out = nqueens(n, row+1, child); wg.Done() }(&results[col])
		}
	}
	wg.Wait()
	total := 0
	for _, r := range results {
		total += r
	}
	return total
}

func skynet(base, step, depth int) int {
	if depth == 0 {
		return base
	}
	var results [10]int
	var wg sync.WaitGroup
	wg.Add(10)
	for i := range results {
		go func(i int) { results[i] = skynet(base+step*i, step/10, depth-1); wg.Done() }(i)
	}
	wg.Wait()
	total := 0
	for _, r := range results {
		total += r
	}
	return total
}

func pow10(n int) int {
	p := 1
	for ; n > 0; n-- {
		p *= 10
	}
	return p
}

func main() {
	size, _ := strconv.Atoi(os.Args[2])
	threads, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(threads)
	work := map[string]func() int{
		"fib":     func() int { return fib(size) },
		"nqueens": func() int { return nqueens(size, 0, board{}) },
		"skynet":  func() int { return skynet(0, pow10(size-1), size) },
	}[os.Args[1]]
	work()
	start := time.Now()
	result := work()
	us := time.Since(start).Microseconds()
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	fmt.Printf("result: %d\nduration: %d us\nmax_rss: %d KiB\n", result, us, usage.Maxrss)
}
