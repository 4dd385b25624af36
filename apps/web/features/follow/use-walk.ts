import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { ApiProblem } from '../../lib/problem.ts'
import { asProblem } from '../../lib/problem.ts'
import { useStore } from '../../lib/store.ts'
import { getAggregate } from '../analytics/api.ts'
import { findConsumption, findProduction } from './api.ts'
import { walkOf } from './mappers.ts'
import type { OwnAct, Walk } from './model.ts'
import { ownActsStore } from './own-acts.ts'

/** Asked again after 60 ms at first, then ever slower: events mostly arrive in milliseconds, but may wait for a broker. */
export function pollDelayMs(askedTimes: number): number {
  return Math.min(2000, Math.round(60 * 1.35 ** askedTimes))
}

export interface WalkView {
  readonly walk: Walk
  readonly act: OwnAct | null
  readonly threadId: string | null
  readonly problem: ApiProblem | null
  /** When this browser saw the event finished, on its own clock. */
  readonly confirmedAtMs: number | null
  readonly retry: () => void
}

/** Follows one event through both logs until it is in the aggregate. Nothing is asked while `eventId` is null. */
export function useWalk(eventId: string | null): WalkView {
  const act = useStore(ownActsStore).find((own) => own.eventId === eventId) ?? null
  const production = useQuery({
    queryKey: ['production', eventId],
    queryFn: ({ signal }) => findProduction(eventId ?? '', signal),
    enabled: eventId !== null,
    refetchInterval: ({ state }) =>
      state.data?.status === 'PUBLISHED' ? false : pollDelayMs(state.dataUpdateCount),
  })
  const consumption = useQuery({
    queryKey: ['consumption', eventId],
    queryFn: ({ signal }) => findConsumption(eventId ?? '', signal),
    enabled: eventId !== null,
    refetchInterval: ({ state }) =>
      state.data?.status === 'PROCESSED' ? false : pollDelayMs(state.dataUpdateCount),
  })
  const threadId = act?.threadId ?? (production.data?.aggregateId || null)
  const aggregate = useQuery({
    queryKey: ['aggregate', threadId],
    queryFn: ({ signal }) => getAggregate(threadId ?? '', signal),
    enabled: threadId !== null,
  })
  const processedAtMs = consumption.data?.processedAtMs ?? null
  const shownAtMs = aggregate.data?.updatedAtMs ?? 0
  const { refetch } = aggregate
  useEffect(() => {
    // The push may have been missed or not be open here: an aggregate older than the event's effect is read again.
    if (processedAtMs !== null && shownAtMs < processedAtMs) void refetch({ cancelRefetch: false })
  }, [processedAtMs, shownAtMs, refetch])
  const failed = production.error ?? consumption.error ?? aggregate.error
  const walk = walkOf({
    act,
    production: production.data ?? null,
    consumption: consumption.data ?? null,
    aggregate: aggregate.data ?? null,
  })
  return {
    walk,
    act,
    threadId,
    problem: failed === null ? null : asProblem(failed),
    confirmedAtMs: walk.isFinished ? consumption.dataUpdatedAt : null,
    retry: () => {
      void production.refetch()
      void consumption.refetch()
      void aggregate.refetch()
    },
  }
}
