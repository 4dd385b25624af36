/** What the inbox suite puts on the topic: threads that are created and viewed, some events twice, some that the handler refuses. */
import { discussionEventsTopic, threadCreated, threadViewed } from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { createEvent } from '@millrace/events'
import { createProducer } from '@millrace/kafka'

export interface Load {
  readonly events: number
  /** Share of the events that come a second time, some records later. */
  readonly duplicateShare: number
  /** Share of the events that no handler of this suite takes. */
  readonly failingShare: number
}

/** An event of a course of this name is refused by the handlers, ours and the peer's. */
export const refusedCourse = 'bench/refused'

const eventsPerThread = 10
const chunk = 2_000
/** Records between an event and its repetition. */
const repeatAfter = 500

/** Sends the load, keyed by thread; gives the number of records. */
export async function fillTopic(brokers: readonly string[], load: Load): Promise<number> {
  await using producer = await createProducer({ brokers, clientId: 'bench-fill' })
  const everyNth = (share: number): number => (share > 0 ? Math.round(1 / share) : Infinity)
  const [repeatEvery, refuseEvery] = [everyNth(load.duplicateShare), everyNth(load.failingShare)]
  const repeats: { readonly at: number; readonly key: string; readonly value: string }[] = []
  let [keys, values]: [string[], string[]] = [[], []]
  let records = 0
  const send = async (key: string, value: string): Promise<void> => {
    keys.push(key)
    values.push(value)
    records++
    if (keys.length < chunk) return
    const columns = { topic: discussionEventsTopic.name, keys, values }
    ;[keys, values] = [[], []]
    await producer.sendColumns(columns)
  }
  let threadId = uuidv7()
  for (let n = 0; n < load.events; n++) {
    if (n % eventsPerThread === 0) threadId = uuidv7()
    const isRefused = n % refuseEvery === refuseEvery - 1
    const value = eventValue(n % eventsPerThread, threadId, isRefused)
    await send(threadId, value)
    if (n % repeatEvery === repeatEvery - 1)
      repeats.push({ at: records + repeatAfter, key: threadId, value })
    while ((repeats[0]?.at ?? Infinity) <= records) {
      const { key, value: again } = repeats.shift() ?? { key: '', value: '' }
      await send(key, again)
    }
  }
  for (const { key, value } of repeats) await send(key, value)
  if (keys.length > 0)
    await producer.sendColumns({ topic: discussionEventsTopic.name, keys, values })
  return records
}

function eventValue(nth: number, threadId: string, isRefused: boolean): string {
  const courseId = isRefused ? refusedCourse : 'bench/inbox'
  const common = {
    source: 'bench',
    aggregateId: threadId,
    aggregateVersion: nth + 1,
    context: { correlationId: uuidv7(), causationId: null },
  }
  const event =
    nth === 0
      ? createEvent({
          ...common,
          contract: threadCreated,
          data: { threadId, courseId, authorId: 'ada', title: 'A title' },
        })
      : createEvent({
          ...common,
          contract: threadViewed,
          data: { threadId, courseId, viewerId: 'ada', count: 1 },
        })
  return JSON.stringify({ ...event, payload: event.data })
}
