// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"sync/atomic"
	"time"
)

// labClock is real time plus an offset that only POST /clock moves.
type labClock struct{ offset atomic.Int64 }

func (c *labClock) Now() time.Time {
	return time.Now().Add(time.Duration(c.offset.Load())).UTC()
}

func (c *labClock) setOffset(d time.Duration) { c.offset.Store(int64(d)) }
