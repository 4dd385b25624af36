import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { asProblem } from '../../lib/problem.ts'
import { ChoiceMenu } from '../../ui/choice-menu.tsx'
import { actAs, meQuery, peopleQuery } from './api.ts'
import { PersonMark } from './person-mark.tsx'

/** Who acts, and the switch to act as someone else. Development only: sign-in replaces it. */
export function UserSwitch() {
  const client = useQueryClient()
  const me = useQuery(meQuery)
  const people = useQuery(peopleQuery)
  const change = useMutation({
    mutationFn: actAs,
    onSuccess: async (person) => {
      client.setQueryData(meQuery.queryKey, person)
      // Own votes and rights differ per person: everything shown is read again.
      await client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'me' })
    },
  })
  const name = me.data?.name ?? (me.isError ? 'nobody' : '…')
  return (
    <ChoiceMenu
      label={`Acting as ${name}. Switch person`}
      heading="Act as (demo people)"
      trigger={
        <>
          <PersonMark name={name} />
          <span className="wide-only">{name}</span>
        </>
      }
      value={me.data?.id ?? ''}
      choices={(people.data ?? []).map(({ id, name, role }) => ({
        value: id,
        label: role === null ? name : `${name}, ${role.toLowerCase()}`,
        mark: <PersonMark name={name} />,
      }))}
      onChoose={(userId) => change.mutate(userId)}
      note={<Note error={people.error ?? change.error} isEmpty={people.data?.length === 0} />}
    />
  )
}

function Note(props: { readonly error: Error | null; readonly isEmpty: boolean }) {
  if (props.error !== null) {
    return <div className="menu-heading">{asProblem(props.error).message}</div>
  }
  return props.isEmpty ? <div className="menu-heading">There are no demo people.</div> : null
}
