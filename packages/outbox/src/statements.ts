import { advanceLane } from './sql/advance-lane.ts'
import { findEvents } from './sql/find-events.ts'
import { insertEvents } from './sql/insert-events.ts'
import {
  blockKeys,
  claimDue,
  clearIssues,
  countParked,
  readClaimedDue,
  readDue,
  releaseDue,
  resumeKeys,
  writeIssues,
} from './sql/issues.ts'
import {
  acquireLane,
  countResend,
  createLanes,
  readLaneNumbers,
  rebuildCursor,
  releaseLane,
  renewLane,
} from './sql/lane-lease.ts'
import { listSetPages, readPayloads, readSet, readSetPage } from './sql/read-set.ts'
import { readStats } from './sql/read-stats.ts'
import { readTick } from './sql/read-tick.ts'
import { announceRelay, recutLanes, retireRelay } from './sql/relay-presence.ts'
import { retryEvents } from './sql/retry-events.ts'
import type { SqlNames } from './sql-names.ts'

/** All statements of an outbox, with the names of its schema in them. */
export function createStatements(names: SqlNames) {
  return {
    acquireLane: acquireLane(names),
    advanceLane: advanceLane(names),
    announceRelay: announceRelay(names),
    blockKeys: blockKeys(names),
    claimDue: claimDue(names),
    clearIssues: clearIssues(names),
    countParked: countParked(names),
    countResend: countResend(names),
    createLanes: createLanes(names),
    findEvents: findEvents(names),
    insertEvents: insertEvents(names),
    listSetPages: listSetPages(names),
    readClaimedDue: readClaimedDue(names),
    readDue: readDue(names),
    readLaneNumbers: readLaneNumbers(names),
    readPayloads: readPayloads(names),
    readSet: readSet(names),
    readSetPage: readSetPage(names),
    readStats: readStats(names),
    readTick: readTick(names),
    rebuildCursor: rebuildCursor(names),
    recutLanes: recutLanes(names),
    releaseDue: releaseDue(names),
    releaseLane: releaseLane(names),
    renewLane: renewLane(names),
    resumeKeys: resumeKeys(names),
    retireRelay: retireRelay(names),
    retryEvents: retryEvents(names),
    writeIssues: writeIssues(names),
  }
}

export type Statements = ReturnType<typeof createStatements>
