import type { Answer } from '../../lib/http.ts'
import { createStore } from '../../lib/store.ts'
import type { OwnAct } from './model.ts'

/** Acts remembered, newest last; older ones can still be followed by their event id. */
const maxActs = 50

/** What this page did and which events that wrote. Written by `recordAct` alone. */
export const ownActsStore = createStore<readonly OwnAct[]>([])

/** Runs an act and remembers the event it wrote, if any. */
export async function recordAct(
  act: { readonly label: string; readonly threadId: string | ((answer: Answer) => string) },
  run: () => Promise<Answer>,
): Promise<Answer> {
  const clickedAtMs = Date.now()
  const answer = await run()
  if (answer.eventId !== null) {
    const { threadId } = act
    const done: OwnAct = {
      eventId: answer.eventId,
      correlationId: answer.correlationId,
      threadId: typeof threadId === 'string' ? threadId : threadId(answer),
      label: act.label,
      clickedAtMs,
      answeredAtMs: Date.now(),
    }
    ownActsStore.set([...ownActsStore.get(), done].slice(-maxActs))
  }
  return answer
}
