import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useRef } from 'react'
import { absent } from '../../lib/format.ts'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { AddPersonDialog } from './add-person-dialog.tsx'
import { listPeople, usersKey } from './api.ts'
import { FindPeople } from './find-people.tsx'
import { ForStaffOnly } from './for-staff-only.tsx'
import { roleOf } from './mappers.ts'
import type { PeopleSearch, Profile } from './model.ts'
import { RoleChips } from './role-chips.tsx'
import './people.css'

const roleViews = [
  { role: '', label: 'Everybody' },
  { role: 'customer', label: 'Customers' },
  { role: 'staff', label: 'Staff' },
  { role: 'admin', label: 'Admins' },
] as const

/** Everybody who has an account, newest first. For staff. */
export function PeoplePage() {
  useTitle('People')
  const search = useSearch({ from: '/people' })
  const navigate = useNavigate()
  const field = useRef<HTMLInputElement>(null)
  const { q } = search
  const role = roleOf(search.role) ?? undefined
  const list = useInfiniteQuery({
    queryKey: [...usersKey, 'list', q ?? '', role ?? ''],
    queryFn: ({ pageParam, signal }) => listPeople({ q, role, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
  })
  const open = (): void => void navigate({ to: '/people', search: { ...search, new: 'person' } })
  useKeys({
    '/': () => field.current?.focus(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    n: open,
  })
  const problem = list.isError ? asProblem(list.error) : null
  if (problem?.facts.status === 403) return <ForStaffOnly problem={problem} />
  const people = list.data?.pages.flatMap((page) => page.items)
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>People</h1>
          <p>Everybody who has an account, newest first. Each change of one is an event.</p>
        </div>
        <Button look="primary" icon="plus" onClick={open}>
          Register somebody
        </Button>
      </header>
      <FindPeople
        field={field}
        value={q ?? ''}
        onFind={(text) => void navigate({ to: '/people', search: { ...search, q: text } })}
      />
      <nav className="views" aria-label="People by role">
        {roleViews.map((view) => (
          <Link
            key={view.role}
            to="/people"
            search={{ ...search, role: view.role }}
            aria-current={(role ?? '') === view.role ? 'page' : undefined}
          >
            {view.label}
          </Link>
        ))}
      </nav>
      {problem !== null && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void list.refetch()}
          lastGoodAtMs={list.dataUpdatedAt}
        />
      )}
      {list.isPending && <Skeleton lines={8} label="people" />}
      <section aria-label="People" className="scrolling" tabIndex={0}>
        {people !== undefined && people.length > 0 && (
          <PeopleTable people={people} isOld={list.isPlaceholderData} />
        )}
        {people?.length === 0 && problem === null && <NobodyFound search={{ q, role }} />}
      </section>
      {list.hasNextPage && (
        <div className="actions">
          <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {list.isFetchingNextPage ? 'Reading on' : 'Older accounts'}
          </Button>
        </div>
      )}
      <AddPersonDialog
        isOpen={search.new === 'person'}
        onClose={() => void navigate({ to: '/people', search: { ...search, new: '' } })}
      />
    </div>
  )
}

function NobodyFound(props: { readonly search: PeopleSearch }) {
  const { q, role } = props.search
  const isFiltered = (q ?? '') !== '' || role !== undefined
  if (!isFiltered)
    return (
      <EmptyState title="Nobody has an account yet">
        Who registers is listed here; the first admin comes from the settings of the start.
      </EmptyState>
    )
  return (
    <EmptyState
      title="Nobody matches"
      action={
        <Link to="/people" className="button">
          Show everybody
        </Link>
      }
    >
      {q
        ? `No name, e-mail address or id has “${q}” in it${role === undefined ? '' : ` and the role ${role}`}.`
        : `Nobody has the role ${role}.`}
    </EmptyState>
  )
}

function PeopleTable(props: { readonly people: readonly Profile[]; readonly isOld: boolean }) {
  return (
    <table className="data-table people-table" aria-busy={props.isOld}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">E-mail address</th>
          <th scope="col">Roles</th>
          <th scope="col">Country</th>
          <th scope="col">Registered</th>
        </tr>
      </thead>
      <tbody>
        {props.people.map((person) => (
          <tr key={person.id}>
            <th scope="row">
              <Link to="/people/$personId" params={{ personId: person.id }} data-row>
                {person.name}
              </Link>
            </th>
            <td>{person.email ?? <span title="Cannot sign in">{absent}</span>}</td>
            <td>
              <RoleChips roles={person.roles} />
            </td>
            <td>{person.country ?? absent}</td>
            <td>
              <Time atMs={person.createdAtMs} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
