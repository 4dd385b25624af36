/** A topic as it is from now on: created, given more partitions, or other settings. */
export interface TopicRecord {
  readonly type: 'topic'
  readonly id: string
  readonly name: string
  readonly partitionCount: number
  readonly configs: readonly (readonly [name: string, value: string])[]
}

export interface TopicDeletedRecord {
  readonly type: 'topicDeleted'
  readonly id: string
}

/** DeleteRecords: what lies before the offset is gone, though its segment may still be there. */
export interface LogStartRecord {
  readonly type: 'logStart'
  readonly topicId: string
  readonly partition: number
  readonly offset: number
}

export type TopicJournalRecord = TopicRecord | TopicDeletedRecord | LogStartRecord
