// The marks and the planted bugs that node/base/simulation.h tells of: one line each, with what it means.
#pragma once

#define KV_MARKS(X)                                                                              \
  X(kFreshActorAfterLoss, "a replica took a new actor, for what it issued may be lost")          \
  X(kActorGuarded, "a peer knew more of this replica's writes than itself: new actor")           \
  X(kDeltaRepeated, "a delta arrived that had been processed")                                   \
  X(kDeltaLost, "a delta lost against a version that was here")                                  \
  X(kDeltaRacedSession, "a delta arrived while its key's partition was being caught up")         \
  X(kContextOutlivedPage, "an object kept a context, ahead of its replica clock")                \
  X(kPushPaused, "pushing paused: the window to a peer was full")                                \
  X(kPushResumed, "pushing resumed after a pause")                                               \
  X(kPushGivenUp, "deltas under way were given up as lost")                                      \
  X(kPageCut, "a page of the dot log was cut by its limits")                                     \
  X(kPageUnexpected, "a page arrived that nobody asked for any more")                            \
  X(kPageTimedOut, "a page did not come in time, and was asked for again")                       \
  X(kFullTransferAsked, "the log no longer named what was missing: full transfer")               \
  X(kFullTransferPages, "a full transfer took more than one page")                               \
  X(kLogPruned, "log entries were pruned")                                                       \
  X(kLogCut, "a log outgrew its bound and was cut")                                              \
  X(kLogCutUnderPresent, "a log outgrew twice its bound, and a connected replica was given up")  \
  X(kLogCutAroundMarker, "a log was cut, and an entry that names a marker stayed")               \
  X(kPeerClockShrank, "a peer stated less than it was known to have")                            \
  X(kProbeEqual, "a probe found both replicas equal")                                            \
  X(kForwarded, "a write was forwarded by a node that is no replica")                            \
  X(kForwardRepeated, "a forwarded write arrived twice and was written once")                    \
  X(kForwardBroken, "the connection broke under a forwarded write")                              \
  X(kWriteExpired, "a write reached its deadline unconfirmed")                                   \
  X(kWriteConfirmedByExchange, "anti-entropy confirmed a write whose acknowledgement was lost")  \
  X(kWriteRefused, "a write was refused: too few replicas reachable")                            \
  X(kOverloaded, "a request was refused: too many under way")                                    \
  X(kReadSpare, "a read asked a spare replica")                                                  \
  X(kReadAskedAgain, "a read asked replicas again that had not answered")                        \
  X(kReadDiffered, "a read joined answers that differed")                                        \
  X(kReadFailedOver, "a read went on with another replica after a connection broke")             \
  X(kDiskReadFailed, "a replica could not read its disk")                                        \
  X(kTimeAhead, "a time beyond the skew limit was not adopted")                                  \
  X(kTimeTied, "two versions had the same time")                                                 \
  X(kSyncShared, "a write waited for a sync that was already under way")                         \
  X(kDurableAckRepeated, "a repeated delta was acknowledged as durable at once")                 \
  X(kMarkerDropped, "a marker became stable and was dropped")                                    \
  X(kMarkerAhead, "a stable marker was from the future and waited for its time")                 \
  X(kForwardedCatchingUp, "a write was forwarded by a replica that is catching up")              \
  X(kContextStripped, "a context was stripped after the clock had come to cover it")             \
  X(kAheadAnnounced, "an object was written again that named a write which nobody has any more") \
  X(kSiblingsJoined, "a join left more than one version")                                        \
  X(kSiblingsRefused, "a put was refused, for the key had too many siblings")                    \
  X(kTransferRaced, "a version arrived that a full transfer had shown to be gone")               \
  X(kConditionNotMet, "a put was refused, for it was to be the first and the key had a value")   \
  X(kExistsAlready, "a put was refused, for the first write had won")                            \
  X(kExpiredDropped, "an expired version became stable and was dropped")                         \
  X(kForwardedSkewed, "a replica whose clock was off forwarded a write")                         \
  X(kForwardedOn, "a forwarded write that one replica refused was taken to the next")            \
  X(kSkewRefused, "a write was refused, for the clock was off")                                  \
  X(kSkewRemembered, "a clock was known to be off although nobody could tell any more")          \
  X(kTimeSetBack, "a time of before the wall clock was set back was forgotten")                  \
  X(kSessionAskedAnother, "a replica lacked what a session had seen, and others were asked")     \
  X(kSessionWaited, "a read waited for replicas to get what its session had seen")               \
  X(kSessionStale, "no replica got what a session had seen by the deadline")                     \
  X(kSessionLost, "no replica held any more what a session had seen")                            \
  X(kDamageFound, "a replica found that its part of the disk is damaged")                        \
  X(kDamageSkipped, "a page of the log left out what could not be read")                         \
  X(kDamagedKept, "a damaged replica was kept, for nobody was known to have what it has")        \
  X(kDiscarded, "a damaged replica was discarded")                                               \
  X(kRebuilt, "a replica that had been discarded caught up with another one")                    \
  X(kUnfitAsked, "a replica that is damaged or being rebuilt did not answer a read")             \
  X(kForwardedDamaged, "a node whose replica is damaged forwarded a write")                      \
  X(kReadRepaired, "a read sent the version that won to a replica that was behind")              \
  X(kRepairTaken, "a replica took a version from a read")                                        \
  X(kRepairSkipped, "a read did not repair a replica, for the budget was used up")               \
  X(kReadExchanged, "a read that found replicas differing started their exchange")               \
  X(kRequestKnown, "a request came again, and was answered for what it had written")             \
  X(kRequestAsked, "other replicas were asked whether they know a request")                      \
  X(kRequestElsewhere, "a request was known to another replica, which answered it")              \
  X(kRequestUnanswered, "a replica did not say in time whether it knows a request")              \
  X(kRequestsFull, "a write was refused, for too many requests were remembered")                 \
  X(kRequestDropped, "a request was forgotten, for its window had passed")                       \
  X(kRequestKept, "a request was kept longer, for a replica lacked its write")                   \
  X(kRequestAhead, "a request of a clock that was far ahead was given a time of here")           \
  X(kDuplicateTakenBack, "what a request had added twice was taken back by an actor")            \
  X(kReadHedged, "a read asked a spare replica sooner than after the fixed time")                \
  X(kHedgeRefused, "a read did not ask a spare sooner, for the budget was used up")              \
  X(kAnnouncedWithoutDot, "a version went without a dot of its own, and watchers were told")     \
  X(kAnnouncedUnchanged, "a write lost against what was here, and watchers were told of it")     \
  X(kScrubCompared, "a range was compared with another replica's")                               \
  X(kScrubSkipped, "a range was left to the next pass: no clock was equal")                      \
  X(kScrubFound, "replicas with equal clocks held different objects")                            \
  X(kScrubMended, "a replica took what the others hold")                                         \
  X(kWatchFromLog, "a watcher that was behind read the log of changes by itself")                \
  X(kWatchCaughtUp, "a watcher that was behind caught up with the others")                       \
  X(kWatchTooOld, "a watcher's token was of another feed, or older than what is kept")           \
  X(kWatchFellOut, "a watcher was so far behind that the log did not reach back to it")          \
  X(kConflictNoted, "a version that lost unseen was noted")                                      \
  X(kConflictTakenBack, "a note was taken back, for an earlier write had seen the loser")        \
  X(kConflictTrimmed, "a note was dropped, for its age or because there were too many")

#define KV_PLANTED_BUGS(X)                                                                     \
  X(kCounterRestarts, "dots are counted from what is durable, not from what was issued")       \
  X(kReadErrorIsAbsence, "an error of the disk is taken for \"not found\"")                    \
  X(kActorKeptAfterLoss, "the actor is kept although its last writes may be lost")             \
  X(kActorNotGuarded, "a disk that went back in time goes on with its old actor")              \
  X(kAckBeforeCommit, "messages and replies leave before the commit")                          \
  X(kCommitInHalves, "a large commit is two batches: first the clock, then the objects")       \
  X(kDeathLosesTail, "the death of a process loses what was not synced")                       \
  X(kQuorumOffByOne, "QUORUM needs one replica too few")                                       \
  X(kReplicaCountedTwice, "a replica that acknowledges twice counts as two")                   \
  X(kVersionUnnamed, "a version that came along with another's dot stays out of the clock")    \
  X(kDotWithoutObject, "a delta's dot enters the clock without its object")                    \
  X(kPagedMarkerIgnored, "a marker that comes in a page leaves the value where it is")         \
  X(kTransferJoinedEarly, "the sender's clock is joined after the first page of a transfer")   \
  X(kPruneOnApplied, "the log is pruned on what peers applied, durable or not")                \
  X(kPruneWithoutAbsent, "the log is pruned although a peer that is away lacks the entry")     \
  X(kPruneNever, "the log is never pruned")                                                    \
  X(kPrunedThoughUnread, "log entries go although a marker that they name could not be read")  \
  X(kScrubOnlyTells, "scrub tells of a difference and mends nothing")                          \
  X(kScrubBelievesOther, "scrub takes what another replica holds, whatever most of them do")   \
  X(kLogOwnOnly, "only a replica's own writes are logged")                                     \
  X(kLogUnbounded, "a log that outgrows its bound is not cut")                                 \
  X(kCutForgetsPerishable, "an entry that is cut forgets that its version is a marker")        \
  X(kCutCountsAsPruned, "an entry that is cut counts as one that every replica has")           \
  X(kCutNotTold, "who asks for what was cut is not told that the log no longer names it")      \
  X(kTieReversed, "of two versions with the same time the one with the smaller dot stays")     \
  X(kTieByArrival, "of two versions with the same time the first to arrive stays")             \
  X(kTimeIgnoresObject, "a write's time may be before that of the version it replaces")        \
  X(kTimeIgnoresToken, "a write's time may be before that of the token")                       \
  X(kDeleteLeavesNothing, "a delete removes the version and leaves no marker")                 \
  X(kTokenOfAnyKey, "a token of another key is accepted")                                      \
  X(kOkAtDeadline, "an unconfirmed write is answered with ok at its deadline")                 \
  X(kNotAppliedAtDeadline, "an unconfirmed write is answered with \"not applied\"")            \
  X(kDurableAtOnce, "a write that asks for disk is acknowledged before the sync")              \
  X(kForwardTwice, "a repeated forwarded write is written again")                              \
  X(kFirstAnswerWins, "a read without a session answers with the first replica's object only") \
  X(kDeadlineForgotten, "a write that is never confirmed is never answered")                   \
  X(kReadsNotSpared, "a read that waits for a silent replica asks no other")                   \
  X(kDebtNeverSynced, "writes at durability os are not synced in the background")              \
  X(kPendingUnbounded, "the limit of requests under way is not looked at")                     \
  X(kKeysMiscounted, "a delete does not reduce the count of keys")                             \
  X(kProbesStop, "a replica that is up to date stops probing")                                 \
  X(kForeignDisk, "a node starts on another node's disk")                                      \
  X(kClockReplaced, "a full transfer replaces the clock instead of joining it")                \
  X(kReadMangled, "a read returns some values with a wrong last byte")                         \
  X(kSpins, "the core asks to be woken at once, again and again")                              \
  X(kPruneOnAcknowledgements,                                                                  \
    "a marker is dropped once all have acknowledged it, though older writes may be under way") \
  X(kTimeIgnoresFloor, "a write's time may be before that of a marker that was dropped")       \
  X(kFloorNotTaken, "a page does not bring the time of the markers that its sender dropped")   \
  X(kMarkersKept, "stable markers are never dropped")                                          \
  X(kContextsKept, "contexts that the clock covers are never stripped")                        \
  X(kAheadUnannounced, "what names a write that nobody has any more is left to differ")        \
  X(kJoinForgetsTheirClock, "a join takes no notice of what the sender knows to be gone")      \
  X(kTransferIgnoresAbsent, "a full transfer leaves the keys that the sender does not hold")   \
  X(kPushedTimeOff, "a delta is pushed with a time that is one tick off")                      \
  X(kPushedExpiryOff, "a causal delta is pushed with an expiry that is a millisecond off")     \
  X(kForgetsSuperseded, "a lone replica forgets the dots of an old actor that it supersedes")  \
  X(kWatchShowsFirst, "a watcher is shown one of several siblings")                            \
  X(kRecordForgetsSome, "now and then the record of a replica lacks an old dot")               \
  X(kReplyTellsOldTime, "the answer to a write gives the time of its token, not its own")      \
  X(kTransferForgetsGone,                                                                      \
    "what a full transfer has shown to be gone may come back before it ends")                  \
  X(kConditionIgnored, "a write is made although its condition is not met")                    \
  X(kBlindPutSupersedes, "a put without a token supersedes the siblings that are there")       \
  X(kSiblingDropped, "of many siblings one is dropped")                                        \
  X(kMergedPutTakesAll,                                                                        \
    "in a bucket of policy custom a put supersedes what it was not merged with")               \
  X(kCausalDeleteStays, "a delete leaves a marker where none belongs")                         \
  X(kExtremeForgets, "a smaller number that is put replaces the greatest")                     \
  X(kCounterTakesAll, "an addition takes over the sums of other actors")                       \
  X(kRegisterKeepsSeen, "a put to a register leaves the values that its replica has seen")     \
  X(kCounterLeavesGaps, "an addition supersedes only the version before it")                   \
  X(kExpiredShown, "a read returns what has expired")                                          \
  X(kExpiredDroppedUnstable, "what has expired is dropped though older writes may arrive")     \
  X(kExpiredLeavesNoFloor, "a write's time may be before that of a dropped expired version")   \
  X(kExpiryForgotten, "a delta does not say when its version expires")                         \
  X(kConditionSeesExpired, "what has expired still stands in the way of a conditional write")  \
  X(kSkewUnguarded, "a node orders writes whatever its clock shows")                           \
  X(kSkewOfHalf, "a clock is off when half of those that are heard say so")                    \
  X(kSkewForgotten, "who cannot be told any more that its clock is off goes on")               \
  X(kSkewKeptForGood, "a clock that was off once counts as off until it comes back by itself") \
  X(kSkewIgnoresRoundTrip, "a peer's clock counts as read when the answer arrived")            \
  X(kSkewedNotForwarded, "a node whose clock is off refuses instead of forwarding")            \
  X(kTimeKeptAhead, "a clock that was set back leaves the time of its writes ahead")           \
  X(kSessionIgnored, "a read takes no notice of what its session has seen")                    \
  X(kSessionForgetsWrites, "a session does not need what it has written")                      \
  X(kSessionForgetsReads, "a session does not need what it has read")                          \
  X(kSessionForgetsAbsence, "a session does not need what made a version go")                  \
  X(kSessionRoundedUp, "a session needs dots that nobody may hold")                            \
  X(kTimeIgnoresSession, "a write's time may be before what its session has seen")             \
  X(kRepairOverwrites, "a version from a read replaces what is there")                         \
  X(kRepairMarksBelow, "a version from a read marks earlier writes as processed, too")         \
  X(kRepairOfOne, "a read sends to replicas what one of them answered, not what won")          \
  X(kDamageStopsPage, "one damaged object keeps all others from being handed over")            \
  X(kDiscardsOnlyCopy, "a damaged replica is discarded though it may be the only one")         \
  X(kUnfitServes, "a replica answers reads while it is damaged or being rebuilt")              \
  X(kHedgesUnbounded, "the budget of hedges is not looked at")                                 \
  X(kRequestUnrecorded, "the replica that makes a write keeps no record of its request")       \
  X(kRequestIgnored, "nobody looks whether a request has been made")                           \
  X(kRequestsDroppedEarly, "requests are forgotten before their window has passed")            \
  X(kRequestsNeverDropped, "requests are never forgotten")                                     \
  X(kForwardForgetsRequest, "a forwarded write does not say which request it is")              \
  X(kPageForgetsRequests, "a page does not name the requests of its dots")                     \
  X(kDuplicateKept, "what a request has added twice stays so")                                 \
  X(kDuplicateTakenAgain, "what was added twice is taken back each time that is found out")    \
  X(kDuplicatesAllTakenBack, "of what was added twice both are taken back")                    \
  X(kWatchForgetsLost, "watchers are not told of a write that lost")                           \
  X(kWatchForgetsGone, "watchers are not told of a version that went without a dot")           \
  X(kWatchResumesLate, "a watcher that resumes goes on after the commit it was in")            \
  X(kWatchRepeats, "a watcher that resumes begins anew in the commit it was in")               \
  X(kWatchOfAnyFeed, "a watcher may resume with a token of a feed that has ended")             \
  X(kWatchNeverResumes, "a watcher that resumes is always told that it is too old")            \
  X(kWatchSkipsGap, "a watcher that is too old goes on with what is still kept")               \
  X(kWatchTailUnbounded, "the commits kept for watchers in memory are not bounded")            \
  X(kReadQuorumOffByOne, "a read at QUORUM waits for one replica too few")                     \
  X(kSessionAtReplicasOnly, "a node that holds no replica of the key serves no session")       \
  X(kWindowUnbounded, "deltas are pushed however many are under way")                          \
  X(kExchangesUnbounded, "exchanges are started however many are under way")                   \
  X(kForwardsRemembered, "forwarded requests are remembered for good")                         \
  X(kRepairsUnbounded, "the budget of read repair is not looked at")                           \
  X(kPagesUncut, "pages of the dot log are not cut by their limits")                           \
  X(kReplicaNamedTwice, "a read names one replica twice instead of another that answered")     \
  X(kConflictsUnnoted, "what loses unseen is noted nowhere")                                   \
  X(kConflictOfSeen, "what a write has seen and supersedes is noted as lost")                  \
  X(kConflictsKeptSeen, "a note stays although an earlier write had seen the loser")           \
  X(kConflictsUntrimmed, "notes of conflicts are kept for ever")
