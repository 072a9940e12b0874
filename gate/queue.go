package gate

import "sync"

// batch is how many events are written at once.
const batch = 500

// queue keeps events until the registry has them, in the order they came, bounded. It is two lists so that the records
// of decisions, which are the lesser loss, can be dropped first: an Ended or Firm goes only when no Decided is left.
type queue struct {
	full chan struct{} // gets a token when a whole batch waits

	mu      sync.Mutex
	most    int
	next    uint64 // number of the next event: the order across both lists
	decided fifo
	life    fifo    // Firm and Ended
	taken   []Event // the batch that is being written; repeated as it is until that succeeds
	dropped uint64
}

func (q *queue) init(most int) {
	q.most = most
	q.full = make(chan struct{}, 1)
}

// push adds an event and never blocks. When the queue is full, the oldest of the lesser kind makes room.
func (q *queue) push(e Event) {
	q.mu.Lock()
	if q.waiting() >= q.most {
		q.dropOldest()
	}
	list := &q.life
	if e.Kind == Decided {
		list = &q.decided
	}
	list.push(numbered{q.next, e})
	q.next++
	ready := q.waiting() >= batch
	q.mu.Unlock()
	if ready {
		select {
		case q.full <- struct{}{}:
		default:
		}
	}
}

func (q *queue) waiting() int { return q.decided.len() + q.life.len() }

func (q *queue) dropOldest() {
	if q.decided.len() > 0 {
		q.decided.pop()
	} else {
		q.life.pop()
	}
	q.dropped++
}

// take returns the batch to write next, oldest first. Until done is called it begins with the same events each time, so
// that a batch whose writing failed is repeated whole. Only the loop of Run calls take and done.
func (q *queue) take() []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.taken) < batch && q.waiting() > 0 {
		from := &q.life
		if q.life.len() == 0 || q.decided.len() > 0 && q.decided.front().order < q.life.front().order {
			from = &q.decided
		}
		q.taken = append(q.taken, from.pop().event)
	}
	return q.taken
}

// done forgets the batch: the registry has it.
func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.taken)
	q.taken = q.taken[:0]
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting() + len(q.taken)
}

func (q *queue) droppedCount() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// numbered is an event with its place in the common order.
type numbered struct {
	order uint64
	event Event
}

// fifo is a list that grows at the end and shrinks at the front, in chunks: nothing is ever moved, so that a push takes
// the same short time however many events an outage has gathered.
type fifo struct {
	first, last *chunk
	head, tail  int    // next to pop in first, next free place in last
	count       int    // events in all
	spare       *chunk // one empty chunk, kept so that a quiet gate allocates nothing
}

type chunk struct {
	events [64]numbered // about 40 kB
	next   *chunk
}

func (f *fifo) len() int         { return f.count }
func (f *fifo) front() *numbered { return &f.first.events[f.head] }

func (f *fifo) push(n numbered) {
	if f.last == nil || f.tail == len(f.last.events) {
		f.grow()
	}
	f.last.events[f.tail] = n
	f.tail++
	f.count++
}

func (f *fifo) grow() {
	c := f.spare
	if f.spare = nil; c == nil {
		c = new(chunk)
	}
	if f.last == nil {
		f.first, f.head = c, 0
	} else {
		f.last.next = c
	}
	f.last, f.tail = c, 0
}

// pop takes the front off and lets go of its text. There must be one.
func (f *fifo) pop() numbered {
	n := f.first.events[f.head]
	f.first.events[f.head] = numbered{}
	f.head++
	f.count--
	if f.head == len(f.first.events) || f.count == 0 {
		f.spare, f.first, f.head = f.first, f.first.next, 0
		f.spare.next = nil
		if f.first == nil {
			f.last, f.tail = nil, 0
		}
	}
	return n
}
