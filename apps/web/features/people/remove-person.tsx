import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { forgetSession } from '../../lib/session.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { peopleQuery, signOut } from '../identity/api.ts'
import { personLimits, type Person } from '../identity/model.ts'
import { removePerson, usersKey } from './api.ts'
import type { Profile } from './model.ts'

/** The end of an account, confirmed by its name. */
export function RemovePerson(props: { readonly person: Profile; readonly me: Person }) {
  const [isOpen, setIsOpen] = useState(false)
  const isOwn = props.me.id === props.person.id
  return (
    <section className="plate person-part" aria-labelledby="remove-title">
      <h2 id="remove-title">Remove the account</h2>
      <p>
        Name, e-mail address and password are wiped and all sessions end. Orders and posts stay.
        Nothing brings the account back.
      </p>
      <div className="actions">
        <Button look="danger" icon="trash" onClick={() => setIsOpen(true)}>
          {isOwn ? 'Remove my account' : `Remove ${props.person.name}`}
        </Button>
      </div>
      <Dialog
        title={isOwn ? 'Remove your account?' : `Remove ${props.person.name}?`}
        isOpen={isOpen}
        onClose={() => setIsOpen(false)}
      >
        <RemovalForm {...props} onCancel={() => setIsOpen(false)} />
      </Dialog>
    </section>
  )
}

function RemovalForm(props: {
  readonly person: Profile
  readonly me: Person
  readonly onCancel: () => void
}) {
  const { person, me } = props
  const [typed, setTyped] = useState('')
  const remove = useRemovePerson(person.id, me)
  const demoPeople = useQuery({ ...peopleQuery, enabled: me.isDemo }).data
  const isDemoPerson = demoPeople?.some(({ id }) => id === person.id) ?? false
  const isConfirmed = typed.trim() === person.name.trim()
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (isConfirmed && !remove.isPending) remove.mutate()
  }
  return (
    <form className="form" onSubmit={submit}>
      {isDemoPerson && (
        <p>
          {person.name} is one of the demo people: gone, they order nothing any more, and come back
          with <code>npm start -- --fresh</code> alone.
        </p>
      )}
      <TextField
        label={`Type ${person.name} to confirm`}
        value={typed}
        onChange={setTyped}
        maxLength={personLimits.name}
        autoComplete="off"
        isRequired
      />
      {remove.isError && <ProblemNotice problem={asProblem(remove.error)} />}
      <div className="actions">
        <Button look="danger" type="submit" disabled={!isConfirmed || remove.isPending}>
          {remove.isPending ? 'Removing' : 'Remove for good'}
        </Button>
        <Button onClick={props.onCancel}>Cancel</Button>
      </div>
    </form>
  )
}

/** Of one's own account the session goes with it. */
function useRemovePerson(id: string, me: Person) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const isOwnSession = me.id === id && !me.isDemo
  return useMutation({
    mutationFn: async () => {
      await removePerson(id)
      // The session has ended with the account; this takes its cookies away, and does no harm undone.
      if (isOwnSession) await signOut().catch(() => forgetSession())
    },
    onSuccess: async () => {
      await navigate({ to: isOwnSession ? '/sign-in' : '/people' })
      if (isOwnSession) return client.resetQueries()
      client.removeQueries({ queryKey: [...usersKey, 'one', id] })
      await client.invalidateQueries({ queryKey: usersKey })
    },
  })
}
