import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { asProblem } from '../../lib/problem.ts'
import { useNow } from '../../lib/use-now.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { endSessions, listSessions, usersKey } from './api.ts'
import { sessionState } from './mappers.ts'
import type { Profile, Session } from './model.ts'

/** Where somebody is signed in, how earlier sessions ended, and an end to all. */
export function SessionList(props: { readonly person: Profile; readonly isOwn: boolean }) {
  const { person, isOwn } = props
  const client = useQueryClient()
  const queryKey = [...usersKey, 'sessions', person.id]
  const list = useQuery({ queryKey, queryFn: ({ signal }) => listSessions(person.id, signal) })
  const nowMs = useNow(15_000)
  const end = useMutation({
    mutationFn: () => endSessions(person.id),
    onSettled: () => client.invalidateQueries({ queryKey }),
  })
  const open = list.data?.filter((session) => sessionState(session, nowMs).tone === 'good') ?? []
  return (
    <section className="plate person-part" aria-labelledby="sessions-title">
      <header>
        <h2 id="sessions-title">Sessions</h2>
        {open.length > 0 && (
          <Button look="danger" disabled={end.isPending} onClick={() => end.mutate()}>
            {isOwn ? 'Sign out everywhere' : 'End all sessions'}
          </Button>
        )}
      </header>
      {list.isPending && <Skeleton lines={3} label="sessions" />}
      {list.isError && (
        <ProblemNotice problem={asProblem(list.error)} onRetry={() => void list.refetch()} />
      )}
      {end.isError && <ProblemNotice problem={asProblem(end.error)} />}
      {end.isSuccess && (
        <p role="status">
          All sessions have ended. What is open in a browser goes on for ten minutes at most.
        </p>
      )}
      {list.data?.length === 0 && <p>Never signed in, or not for a long time.</p>}
      {list.data !== undefined && list.data.length > 0 && (
        <div className="scrolling" tabIndex={0} role="region" aria-label="Sessions, newest first">
          <SessionTable sessions={list.data} nowMs={nowMs} />
        </div>
      )}
    </section>
  )
}

function SessionTable(props: { readonly sessions: readonly Session[]; readonly nowMs: number }) {
  return (
    <table className="data-table">
      <thead>
        <tr>
          <th scope="col">Signed in</th>
          <th scope="col">Renewed last</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {props.sessions.map((session) => {
          const { tone, words } = sessionState(session, props.nowMs)
          return (
            <tr key={session.id}>
              <td>
                <Time atMs={session.createdAtMs} />
              </td>
              <td>
                <Time atMs={session.usedAtMs} />
              </td>
              <td>
                <Chip tone={tone}>{words}</Chip>{' '}
                {session.endedAtMs !== null && <Time atMs={session.endedAtMs} />}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
