import { defineEvent, UuidSchema } from '@millrace/events'

/** What the pipeline test publishes: one more step of one thing. */
export const topic = 'pipeline.steps'
export const groupId = 'steps'

export const stepTaken = defineEvent({
  eventType: 'step_taken',
  version: 1,
  topic,
  aggregateType: 'thing',
  description: 'A thing of the pipeline test went one step on.',
  /** Of the transaction. */
  data: UuidSchema,
})
