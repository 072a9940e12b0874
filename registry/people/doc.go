// Package people keeps who works here: reps, the ids their phones give, and the teams they belong to. Redis has the one
// truth; each gate holds a copy in memory (Watcher, Snapshot), which a call asks without waiting.
//
// A change is made on a Book, which is everybody at one moment: read, edited, checked as a whole and written back by one
// script, which refuses when another change came first. So two people never share an id, nobody is in a team that does
// not exist, and a file of ten thousand is taken as a whole or not at all.
package people
