// Writes a view of a thread whose count no figure can hold, as a faulty release of a service would: its consumer fails at it.
// Arguments: URL of the discussions' database, thread, course, time before it is published in ms. Says the event's id.
import { threadViewed } from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { createEvent } from '@millrace/events'
import { createOutbox } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'

const [url = '', threadId = '', courseId = '', delayMs = '0'] = process.argv.slice(2)
const database = openDatabase({ url, applicationName: 'write-view', maxConnections: 1 })
const outbox = createOutbox({ database, serviceName: 'discussions', schema: 'public' })
const event = createEvent({
  contract: threadViewed,
  source: 'discussions',
  aggregateId: threadId,
  aggregateVersion: null,
  data: { threadId, courseId, viewerId: null, count: 1e19 },
  context: { correlationId: uuidv7(), causationId: null },
})
await outbox.transaction(async (tx) =>
  tx.publish(event, {
    topic: threadViewed.topic,
    key: threadId,
    notBefore: new Date(Date.now() + Number(delayMs)),
  }),
)
await database.close()
console.log(event.eventId)
