/** A partition's leader moved: from `startOffset` on its records carry `epoch`. */
export interface LeaderRecord {
  readonly type: 'leader'
  readonly topicId: string
  readonly partition: number
  readonly node: number
  readonly epoch: number
  readonly startOffset: number
}
