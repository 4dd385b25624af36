/** How a post's vote of one person stands, as far as the answers told. `unknown`: a request got no answer. */
export type VoteState = 'up' | 'down' | 'none' | 'unknown'

/** What the platform promised about one thread, written down from its answers alone. */
export interface ThreadRecord {
  readonly id: string
  readonly courseId: string
  readonly author: string
  acknowledgedViews: number
  /** Requests whose answer never came: they may or may not have counted. */
  unansweredViews: number
  /** Comment id to author; taken away when a deletion was acknowledged. */
  readonly comments: Map<string, string>
  readonly deletedComments: Set<string>
  /** Texts of comments whose request got no answer. */
  readonly unansweredComments: Set<string>
  /** Comments whose deletion got no answer. */
  readonly unansweredDeletions: Set<string>
  /** `person post` to state. */
  readonly votes: Map<string, VoteState>
}

/** The checker's own record: independent of the services' code and databases. */
export class PromiseRecord {
  readonly threads = new Map<string, ThreadRecord>()
  /** Ids of events whose request was acknowledged. */
  readonly eventIds = new Set<string>()
  acknowledged = 0
  unanswered = 0
  refused = 0

  addThread(id: string, courseId: string, author: string): void {
    this.threads.set(id, {
      id,
      courseId,
      author,
      acknowledgedViews: 0,
      unansweredViews: 0,
      comments: new Map(),
      deletedComments: new Set(),
      unansweredComments: new Set(),
      unansweredDeletions: new Set(),
      votes: new Map(),
    })
  }
}
