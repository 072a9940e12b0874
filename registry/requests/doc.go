// Package requests keeps what reps ask for: a pass, a share, a customer. A request goes through the steps that the rules
// of its day gave it (an owner consents, a supervisor approves), moves on when a step is silent for too long, and is
// carried out once when all have said yes. Every change is one script on the one slot rf:{requests}, so any number of
// gates and commands may work on the same request; what a change has to cause elsewhere is written down in the same step
// and caught up with by Run.
package requests
