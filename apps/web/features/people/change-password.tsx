import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Icon } from '../../ui/icon.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { signIn } from '../identity/api.ts'
import { passwordHint, personLimits } from '../identity/model.ts'
import { TooManyTries, useTryLater } from '../identity/sign-in-problem.tsx'
import { changePassword, usersKey } from './api.ts'
import type { Profile } from './model.ts'

/** Another password for oneself. All sessions end with the old one; this browser signs in again at once. */
export function ChangePassword(props: { readonly person: Profile }) {
  const { email } = props.person
  return (
    <section className="plate person-part" aria-labelledby="password-title">
      <h2 id="password-title">Password</h2>
      {email === null ? (
        <p>
          Without an e-mail address there is no password: nobody can sign in as {props.person.name}.
        </p>
      ) : (
        <PasswordForm id={props.person.id} email={email} />
      )}
    </section>
  )
}

function PasswordForm(props: { readonly id: string; readonly email: string }) {
  const { id, email } = props
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const client = useQueryClient()
  const change = useMutation({
    mutationFn: async () => {
      await changePassword(id, { currentPassword: current, newPassword: next })
      // It is changed by now, whatever comes of the sign-in.
      return signIn({ email, password: next }).then(
        () => true,
        () => false,
      )
    },
    onSuccess: () => {
      setCurrent('')
      setNext('')
      void client.invalidateQueries({ queryKey: [...usersKey, 'sessions', id] })
    },
  })
  const waitMs = useTryLater(change.error)
  const problem = change.error === null ? null : asProblem(change.error)
  const isWrong = problem?.facts.code === 'MR_USERS_WRONG_PASSWORD'
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!change.isPending && waitMs === 0) change.mutate()
  }
  return (
    <form className="form" onSubmit={submit}>
      {/* For password managers, which ask whose password it is. */}
      <input type="hidden" autoComplete="username" value={email} readOnly />
      <TextField
        label="Current password"
        type="password"
        autoComplete="current-password"
        value={current}
        onChange={setCurrent}
        maxLength={personLimits.password}
        fault={isWrong ? 'is another one; nothing was changed' : undefined}
        isRequired
      />
      <TextField
        label="New password"
        type="password"
        autoComplete="new-password"
        value={next}
        onChange={setNext}
        maxLength={personLimits.password}
        fault={problem?.reasonFor('newPassword')}
        hint={passwordHint}
        isRequired
      />
      {problem !== null &&
        !isWrong &&
        (problem.facts.status === 429 ? (
          <TooManyTries problem={problem} waitMs={waitMs} />
        ) : (
          <ProblemNotice problem={problem} />
        ))}
      {change.isSuccess && (
        <p role="status">
          <Icon name="check" /> The password is changed, and all other sessions have ended.{' '}
          {change.data ? 'You are signed in with the new one.' : 'Sign in with the new one.'}
        </p>
      )}
      <div className="actions">
        <Button look="primary" type="submit" disabled={change.isPending || waitMs > 0}>
          {change.isPending ? 'Changing' : 'Change password'}
        </Button>
      </div>
    </form>
  )
}
