import { RecentMax } from './recent-max.ts'

/** What one stream thread has done since its start, through all of its sessions. Owner: the thread. */
export class ThreadCounts {
  /** Records that tasks took, and calls they gave on; and the time in the topology, ms. */
  processed = 0
  processMs = 0
  commits = 0
  commitMs = 0
  readonly maxCommitMs = new RecentMax()
  /** Batches that the consumer handed out, and their records. */
  polls = 0
  polledRecords = 0
  /** Calls of punctuators, and their time, ms; up to the last report of its tasks. */
  punctuated = 0
  punctuateMs = 0
  tasksCreated = 0
  tasksClosed = 0
}
