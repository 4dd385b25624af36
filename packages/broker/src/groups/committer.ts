/** Who commits offsets, as it says itself. */
export interface Committer {
  readonly memberId: string
  readonly instanceId: string | null
  /** Member epoch in a consumer group; -1 for who is no member. */
  readonly generation: number
  /** Of the request. */
  readonly version: number
}
