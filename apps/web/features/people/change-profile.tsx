import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { renewSession } from '../../lib/session.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { meQuery } from '../identity/api.ts'
import { personLimits } from '../identity/model.ts'
import { changePerson, usersKey } from './api.ts'
import type { Profile, ProfileChange } from './model.ts'

/** Name and country, in a dialog. */
export function ChangeProfile(props: { readonly person: Profile; readonly isOwn: boolean }) {
  const [isOpen, setIsOpen] = useState(false)
  return (
    <>
      <Button icon="pencil" onClick={() => setIsOpen(true)}>
        Change
      </Button>
      <Dialog title="Change the profile" isOpen={isOpen} onClose={() => setIsOpen(false)}>
        <ProfileForm {...props} onDone={() => setIsOpen(false)} />
      </Dialog>
    </>
  )
}

function ProfileForm(props: {
  readonly person: Profile
  readonly isOwn: boolean
  readonly onDone: () => void
}) {
  const { person } = props
  const [name, setName] = useState(person.name)
  const [country, setCountry] = useState(person.country ?? '')
  const change = useChangePerson(person.id, props.isOwn)
  const problem = change.error === null ? null : asProblem(change.error)
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (change.isPending) return
    const next = { name: name.trim(), country: country.trim() === '' ? null : country.trim() }
    change.mutate(next, { onSuccess: props.onDone })
  }
  return (
    <form className="form" onSubmit={submit}>
      <TextField
        label="Name"
        value={name}
        onChange={setName}
        maxLength={personLimits.name}
        fault={problem?.reasonFor('name')}
        isRequired
      />
      <TextField
        label="Country"
        value={country}
        onChange={setCountry}
        maxLength={personLimits.country}
        fault={problem?.reasonFor('country')}
        hint="Leave it empty for none"
      />
      <p className="eyebrow">
        The e-mail address stays as it is: remove the account and register anew for another.
      </p>
      {problem !== null && <ProblemNotice problem={problem} />}
      <div className="actions">
        <Button look="primary" type="submit" disabled={change.isPending}>
          {change.isPending ? 'Saving' : 'Save'}
        </Button>
        <Button onClick={props.onDone}>Cancel</Button>
      </div>
    </form>
  )
}

/** Changes a person; of one's own the session is told too, since the access token carries name and roles. */
export function useChangePerson(id: string, isOwn: boolean) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: ProfileChange) => changePerson(id, change),
    onSuccess: async (person) => {
      client.setQueryData([...usersKey, 'one', id], person)
      void client.invalidateQueries({ queryKey: usersKey })
      if (!isOwn) return
      if (client.getQueryData(meQuery.queryKey)?.isDemo === false) await renewSession()
      await client.invalidateQueries({ queryKey: meQuery.queryKey })
    },
  })
}
