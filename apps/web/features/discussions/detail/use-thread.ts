import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef } from 'react'
import type { Answer } from '../../../lib/http.ts'
import { recordAct } from '../../follow/own-acts.ts'
import { getThread } from '../api.ts'
import type { Thread } from '../model.ts'

export const threadKey = (threadId: string): readonly [string, string] => ['thread', threadId]

/**
 * A thread as it is now. Opening the page counts as one view; reading it again on the same visit
 * (after a push, a reconnect, a switch of person) does not.
 */
export function useThread(threadId: string) {
  const viewedId = useRef<string | null>(null)
  return useQuery({
    queryKey: threadKey(threadId),
    queryFn: async ({ signal }) => {
      if (viewedId.current === threadId) {
        return (await getThread(threadId, { track: false, signal })).thread
      }
      let thread: Thread | null = null
      await recordAct({ label: 'Your view', threadId }, async (): Promise<Answer> => {
        // No abort signal: a view that was recorded must not be asked for a second time.
        const read = await getThread(threadId, { track: true })
        viewedId.current = threadId
        thread = read.thread
        return read.answer
      })
      return thread as unknown as Thread
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnMount: 'always',
  })
}

/** Changes the shown thread at once, ahead of the service. Returns what was shown before, for taking it back. */
export function useThreadCache(threadId: string) {
  const client = useQueryClient()
  const key = threadKey(threadId)
  return {
    update(change: (thread: Thread) => Thread): Thread | undefined {
      const before = client.getQueryData<Thread>(key)
      if (before !== undefined) client.setQueryData(key, change(before))
      return before
    },
    restore(before: Thread | undefined): void {
      if (before !== undefined) client.setQueryData(key, before)
    },
    async refresh(): Promise<void> {
      await client.invalidateQueries({ queryKey: key })
    },
    async forget(): Promise<void> {
      client.removeQueries({ queryKey: key })
      await client.invalidateQueries({ queryKey: ['threads'] })
    },
  }
}
