import { type ReactNode, type SubmitEvent, useState } from 'react'
import type { ApiProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { TextField } from '../../ui/text-field.tsx'
import type { Registration } from './api.ts'
import { passwordHint, personLimits } from './model.ts'

/** Name, address and password of somebody new; for oneself or, by staff, for others. What was typed stays until it was taken. */
export function RegistrationForm(props: {
  readonly problem: ApiProblem | null
  readonly notice: ReactNode
  readonly isBusy: boolean
  readonly submitWord: string
  readonly onSubmit: (registration: Registration) => void
  /** Further buttons. */
  readonly actions?: ReactNode
}) {
  const { problem } = props
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const [country, setCountry] = useState('')
  const [password, setPassword] = useState('')
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (props.isBusy) return
    const known = country.trim() === '' ? {} : { country: country.trim() }
    props.onSubmit({ name: name.trim(), email: email.trim(), password, ...known })
  }
  return (
    <form className="form" onSubmit={submit}>
      <TextField
        label="Name"
        autoComplete="name"
        value={name}
        onChange={setName}
        maxLength={personLimits.name}
        fault={problem?.reasonFor('name')}
        isRequired
        autoFocus
      />
      <TextField
        label="E-mail address"
        type="email"
        autoComplete="username"
        value={email}
        onChange={setEmail}
        maxLength={personLimits.email}
        fault={problem?.reasonFor('email')}
        isRequired
      />
      <TextField
        label="Country, if you like"
        value={country}
        onChange={setCountry}
        maxLength={personLimits.country}
        fault={problem?.reasonFor('country')}
      />
      <TextField
        label="Password"
        type="password"
        autoComplete="new-password"
        value={password}
        onChange={setPassword}
        maxLength={personLimits.password}
        fault={problem?.reasonFor('password')}
        hint={passwordHint}
        isRequired
      />
      {props.notice}
      <div className="actions">
        <Button look="primary" type="submit" disabled={props.isBusy}>
          {props.submitWord}
        </Button>
        {props.actions}
      </div>
    </form>
  )
}
