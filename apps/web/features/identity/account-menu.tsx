import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { asProblem } from '../../lib/problem.ts'
import { ActionMenu, MenuAction, MenuLink } from '../../ui/action-menu.tsx'
import { ChoiceMenu } from '../../ui/choice-menu.tsx'
import { meQuery, peopleQuery } from './api.ts'
import type { Person } from './model.ts'
import { PersonMark } from './person-mark.tsx'
import { useActAs } from './use-act-as.ts'
import { useIsNobody } from './use-me.ts'
import { useSignOut } from './use-sign-out.ts'

/** Who acts: somebody signed in, with the way out; a demo person, with the switch to another; or nobody yet. */
export function AccountMenu() {
  const me = useQuery(meQuery)
  const isNobody = useIsNobody()
  if (me.data !== undefined)
    return me.data.isDemo ? <DemoMenu me={me.data} /> : <OwnMenu me={me.data} />
  if (isNobody)
    return (
      <Link to="/sign-in" className="button" data-look="plain">
        Sign in
      </Link>
    )
  const why = me.isError ? asProblem(me.error).message : undefined
  return (
    <span title={why}>
      <PersonMark name="…" />
    </span>
  )
}

function OwnMenu(props: { readonly me: Person }) {
  const { id, name, role } = props.me
  const out = useSignOut()
  return (
    <ActionMenu
      label={`Signed in as ${name}. Account`}
      heading={role === null ? `Signed in as ${name}` : `Signed in as ${name}, ${role}`}
      trigger={<Trigger name={name} />}
    >
      <MenuLink link={<Link to="/people/$personId" params={{ personId: id }} />}>
        Profile and password
      </MenuLink>
      <MenuAction isDisabled={out.isPending} onChoose={() => out.mutate()}>
        Sign out
      </MenuAction>
      {out.isError && <div className="menu-heading">{asProblem(out.error).message}</div>}
    </ActionMenu>
  )
}

/** Development only: anybody may act as one of six, and it says so. */
function DemoMenu(props: { readonly me: Person }) {
  const { id, name } = props.me
  const people = useQuery(peopleQuery)
  const change = useActAs()
  const error = people.error ?? change.error
  return (
    <ChoiceMenu
      label={`Acting as ${name}, demo. Switch person`}
      heading="You are a demo user: nobody signed in. Act as"
      trigger={<Trigger name={name} mark="demo" />}
      value={id}
      choices={(people.data ?? []).map(({ id, name, role }) => ({
        value: id,
        label: role === null ? name : `${name}, ${role.toLowerCase()}`,
        mark: <PersonMark name={name} />,
      }))}
      onChoose={(userId) => change.mutate(userId)}
      note={
        <>
          {error !== null && <div className="menu-heading">{asProblem(error).message}</div>}
          {people.data?.length === 0 && (
            <div className="menu-heading">There are no demo people.</div>
          )}
          <MenuLink link={<Link to="/people/$personId" params={{ personId: id }} />}>
            Profile of {name}
          </MenuLink>
          <MenuLink link={<Link to="/sign-in" />}>Sign in as somebody else</MenuLink>
        </>
      }
    />
  )
}

function Trigger(props: { readonly name: string; readonly mark?: string }) {
  return (
    <>
      <PersonMark name={props.name} />
      <span className="wide-only">
        {props.name}
        {props.mark !== undefined && <small> {props.mark}</small>}
      </span>
    </>
  )
}
