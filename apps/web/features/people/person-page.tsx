import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { absent } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { CopyId } from '../../ui/copy-id.tsx'
import { MissingPage, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { isAdmin, isStaff, type Person } from '../identity/model.ts'
import { PersonMark } from '../identity/person-mark.tsx'
import { useMe } from '../identity/use-me.ts'
import { getPerson, usersKey } from './api.ts'
import { ChangePassword } from './change-password.tsx'
import { ChangeProfile } from './change-profile.tsx'
import { GiveRoles } from './give-roles.tsx'
import type { Profile } from './model.ts'
import { PersonEvents } from './person-events.tsx'
import { PersonOrders } from './person-orders.tsx'
import { RemovePerson } from './remove-person.tsx'
import { RoleChips } from './role-chips.tsx'
import { SessionList } from './session-list.tsx'
import './people.css'

/** One person: profile, roles, sessions, orders, and what may be done with the account. */
export function PersonPage() {
  const { personId } = useParams({ from: '/people/$personId' })
  const me = useMe()
  const found = useQuery({
    queryKey: [...usersKey, 'one', personId],
    queryFn: ({ signal }) => getPerson(personId, signal),
  })
  const person = found.data
  useTitle(person?.name ?? 'Person')
  const problem = found.isError ? asProblem(found.error) : null
  if (problem?.isMissing === true)
    return (
      <MissingPage
        heading="Person"
        title="There is nobody with this id, or it is not for you to know"
        problem={problem}
        action={
          <Link to="/people" className="button" data-look="primary">
            To People
          </Link>
        }
      />
    )
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <Link to="/people" className="eyebrow">
            People
          </Link>
          <h1>{person?.name ?? 'Person'}</h1>
          {person !== undefined && (
            <p className="person-head">
              <PersonMark name={person.name} />
              <RoleChips roles={person.roles} />
              {me?.id === person.id && (
                <span>{me.isDemo ? 'whom you act as, in development' : 'you'}</span>
              )}
            </p>
          )}
        </div>
      </header>
      {problem !== null && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void found.refetch()}
          lastGoodAtMs={found.dataUpdatedAt}
        />
      )}
      {found.isPending && <Skeleton lines={10} label="the person" />}
      {person !== undefined && me !== undefined && (
        <Parts key={person.id} person={person} me={me} />
      )}
    </div>
  )
}

/** What one may see and do depends on who one is; what is not offered the service would refuse as well. */
function Parts(props: { readonly person: Profile; readonly me: Person }) {
  const { person, me } = props
  const isOwn = me.id === person.id
  const mayManage = isOwn || isAdmin(me)
  return (
    <div className="person-columns">
      <ProfilePart person={person} mayChange={mayManage} isOwn={isOwn} />
      <PersonOrders personId={person.id} />
      {isAdmin(me) && <GiveRoles key={person.roles.join()} person={person} isOwn={isOwn} />}
      {mayManage && <SessionList person={person} isOwn={isOwn} />}
      {isOwn && <ChangePassword person={person} />}
      {(me.isDemo || isStaff(me)) && <PersonEvents personId={person.id} />}
      {mayManage && <RemovePerson person={person} me={me} />}
    </div>
  )
}

function ProfilePart(props: {
  readonly person: Profile
  readonly mayChange: boolean
  readonly isOwn: boolean
}) {
  const { person } = props
  return (
    <section className="plate person-part" aria-labelledby="profile-title">
      <header>
        <h2 id="profile-title">Profile</h2>
        {props.mayChange && <ChangeProfile person={person} isOwn={props.isOwn} />}
      </header>
      <dl className="person-facts">
        <dt>Name</dt>
        <dd>{person.name}</dd>
        <dt>E-mail address</dt>
        <dd>{person.email ?? 'none: comes from an import or the demo, and cannot sign in'}</dd>
        <dt>Country</dt>
        <dd>{person.country ?? absent}</dd>
        <dt>Registered</dt>
        <dd>
          <Time atMs={person.createdAtMs} />
        </dd>
        <dt>Id</dt>
        <dd>
          <CopyId id={person.id} />
        </dd>
      </dl>
    </section>
  )
}
