import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ApiProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState, ProblemNotice } from '../../ui/states.tsx'
import { peopleQuery } from '../identity/api.ts'
import { isAdmin } from '../identity/model.ts'
import { useActAs } from '../identity/use-act-as.ts'
import { useMe } from '../identity/use-me.ts'

/** The list is not for customers: says so, and leads to what is. */
export function ForStaffOnly(props: { readonly problem: ApiProblem }) {
  const me = useMe()
  if (me === undefined)
    return (
      <div className="page">
        <h1>People</h1>
        <ProblemNotice problem={props.problem} />
      </div>
    )
  return (
    <div className="page">
      <h1>People</h1>
      <EmptyState
        title="The list of people is for staff"
        action={
          <div className="actions">
            <Link
              to="/people/$personId"
              params={{ personId: me.id }}
              className="button"
              data-look="primary"
            >
              To your own profile
            </Link>
            {me.isDemo && <BecomeAdmin />}
          </div>
        }
      >
        You are {me.name}
        {me.role === null ? '' : `, ${me.role.toLowerCase()}`}.{' '}
        {me.isDemo
          ? 'In development you may act as somebody who is staff.'
          : 'An admin can make you staff; it holds within ten minutes.'}
      </EmptyState>
    </div>
  )
}

/** Development only. */
function BecomeAdmin() {
  const people = useQuery(peopleQuery)
  const change = useActAs()
  const admin = people.data?.find((person) => isAdmin(person))
  if (admin === undefined) return null
  return (
    <Button icon="people" disabled={change.isPending} onClick={() => change.mutate(admin.id)}>
      Act as {admin.name}, who is an admin
    </Button>
  )
}
