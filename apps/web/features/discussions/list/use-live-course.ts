import { type InfiniteData, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLiveStream } from '../../../lib/use-live-stream.ts'
import { aggregateStreamPath } from '../../analytics/api.ts'
import { toPushedAggregate } from '../../analytics/mappers.ts'
import type { ThreadPage } from '../model.ts'
import { withFigures } from '../mappers.ts'

/** Keeps the figures of a course's listed threads fresh, in place. Returns when they last changed, for its top list. */
export function useLiveCourse(courseId: string | null): number | null {
  const client = useQueryClient()
  const [changedAtMs, setChangedAtMs] = useState<number | null>(null)
  const key = ['threads', courseId]
  useLiveStream(courseId === null ? null : aggregateStreamPath({ courseId }), {
    onEvent: ({ type, data }) => {
      if (type !== 'aggregate') return
      const aggregate = toPushedAggregate(data)
      if (aggregate === null) return
      client.setQueryData<InfiniteData<ThreadPage>>(key, (before) =>
        before === undefined
          ? undefined
          : { ...before, pages: before.pages.map((page) => withFigures(page, aggregate)) },
      )
      setChangedAtMs(Date.now())
    },
    onResume: () => void client.invalidateQueries({ queryKey: key }),
  })
  return changedAtMs
}
