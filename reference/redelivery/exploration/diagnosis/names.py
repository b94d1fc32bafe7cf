"""Every name that a diagnosis can have."""

from __future__ import annotations

#: Every name that a diagnosis can have, with the explanation that the glossary gives.
DIAGNOSES: dict[str, str] = {
    "check-then-act": "The code looks whether the message is done, then acts, and another delivery gets in between: "
    "both find nothing, both act. Check, effect and mark have to be one atomic step.",
    "effect-before-mark": "The effect is durable before the mark is. When the consumer dies, or its mark fails, in "
    "between, the message comes again and nothing says that it was done.",
    "mark-before-effect": "The mark is durable before the effect is. When the consumer dies, or gives up, in "
    "between, the message comes again, is taken for done, and its effect never happens.",
    "unreleased-claim": "A consumer claims the message, dies, and nobody takes the claim back: the next delivery "
    "finds it claimed and can neither do the work nor finish.",
    "no-duplicate-check": "Nothing in the code tells a message that was done from one that was not. Each delivery "
    "has its effect again.",
    "memory-in-process": "What was done is remembered in the memory of a process. Another consumer does not share "
    "it, and a restart loses it.",
    "key-from-delivery": "The key, or the decision, comes from the delivery (attempt, redelivered, a new id each "
    "time), not from the message. Two deliveries of one message then look like two messages, or the reverse.",
    "key-from-payload": "The key comes from the message's content. Two messages with equal content are two orders to "
    "act, and one of them is dropped.",
    "key-collision": "Two different ids become the same key (letter case, a prefix, a shortened hash), and a message "
    "that was never done is taken for done.",
    "ignored-count": "The insert that should claim the message does nothing on a duplicate, and nobody looks at how "
    "many rows it added. The code goes on as if the claim had succeeded.",
    "replace-as-claim": "The claim overwrites the row of the earlier delivery instead of failing, so it never says no.",
    "swallowed-lock-error": 'The database answered "database is locked", the code caught that and went on as if the '
    "work were done. The message is acknowledged and its effect is missing.",
    "swallowed-error": "An error was caught, nothing was done about it, and the message was acknowledged without its "
    "effect.",
    "uncommitted-effect": "The effect was still in an open transaction when the handler returned. Nobody commits it; "
    "it is rolled back, and the message is acknowledged.",
    "lost-update": "A value was read, changed in Python, and written back. What another message wrote in between is "
    "overwritten.",
    "wrong-effect": "Even without any fault or interleaving the effect is not what the message asks for.",
    "acknowledged-without-effect": "The handler returned, which acknowledges the message, without having done "
    "anything for it.",
    "poison-message": "The handler raises for this message each time it comes; after three exceptions it is moved to "
    "the dead-letter queue, and its effect is missing.",
    "never-acknowledged": "The message is returned to the queue each time it comes and never gets done.",
    "endless-loop": "The handler neither returns nor asks for anything any more.",
    "ack-before-effect": "The consumer acknowledges before it has done the work. When it fails in between, the queue "
    "takes the message for done, and its effect never happens.",
    "ack-after-effect": "The consumer does the work first and acknowledges afterwards. When it fails in between, or "
    "the queue has delivered the message again meanwhile, the work is done twice.",
    "effect-without-ack": "The acknowledgement failed, and the work was done all the same. The queue does not know "
    "of it and delivers the message again.",
    "stops-early": "The loop returned although the queue had not said that it was empty. What it did not receive "
    "stays there for ever.",
    "forgets-too-early": "The packet id is forgotten before the sender has released it (PUBREL). Its repetition then "
    "looks like a new message.",
    "never-forgets": "The packet id is still remembered after the sender has released it. When the sender uses it "
    "again for a new message, that message is taken for a repetition and lost.",
    "key-from-message-id": "The key names the message, not what it asks for. A producer that sends the same order "
    "again gives it a new message id, and it counts twice.",
    "key-too-narrow": "The key leaves out a part of what makes two messages different. The second of them is taken "
    "for a duplicate of the first, and its effect never happens.",
    "expiring-mark": "What says that a message was done does not last. When the duplicate comes after it has gone, "
    "the message is done again.",
    "overrun-lease": "A lock with a time limit is free again while its holder still works. Another consumer takes "
    "it, and both do the work.",
    "swallowed-conflict": "Another consumer was faster (WatchError, no row changed), and the code went on as if the "
    "work were done, at once or after some tries. It was some other message's work, and this one's effect is missing.",
    "wrong-integrity-error": "Every constraint that fails is taken for a duplicate. A message that breaks another "
    "constraint is acknowledged, and nobody hears of it.",
    "accepted-invalid": "A message that asks for something invalid was acknowledged instead of being refused.",
    "torn-update": "Two changes that belong together are not made in one transaction. Others see, or a crash leaves, "
    "one without the other.",
    "aba": "The condition compares a value that goes away and comes back. The duplicate finds it as the original "
    "did, and is applied again.",
    "version-from-store": "The version that the update is conditional on was read while consuming, not taken from "
    "the message. It always agrees, so the condition never says no.",
    "no-precondition": "The change is applied without comparing the stored version with the message's, so a "
    "duplicate or a message out of turn is applied, too.",
    "stale-overwrites": "An older state that arrives late, or again, overwrites a newer one.",
    "early-dropped": "A message that came before its turn was acknowledged without effect, instead of being returned "
    "for a later try.",
    "sent-before-stored": "The key was not durable when the request was sent. After a crash or a lost answer nobody "
    "knows it any more, and the request goes out again under a new one.",
    "gave-up-unanswered": "No answer came, and the code went on as if it knew what had happened. The request may "
    "never have arrived.",
    "wrong-claim": "The claim about an operation is wrong: a state shows it.",
    "unclassified": "No rule of this course has a name for the mistake. The timeline shows what happened.",
}
