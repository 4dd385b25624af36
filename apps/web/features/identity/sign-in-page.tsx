import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useRouter, useSearch } from '@tanstack/react-router'
import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { meQuery, signIn } from './api.ts'
import { personLimits, safeBack, type Person } from './model.ts'
import { SignInProblem, useTryLater } from './sign-in-problem.tsx'
import { useActAs } from './use-act-as.ts'
import { useMe } from './use-me.ts'
import { useSignOut } from './use-sign-out.ts'
import './identity.css'

/** Sign-in, and back to where one came from. Says who one is already: somebody, or a demo person. */
export function SignInPage() {
  useTitle('Sign in')
  const { back, why } = useSearch({ from: '/sign-in' })
  const me = useMe()
  return (
    <div className="page outside">
      <header>
        <h1>Sign in</h1>
        {why === 'ended' && (
          <p role="status">
            Your session has ended. Sign in again to go on where you were; nothing was changed.
          </p>
        )}
      </header>
      {me !== undefined && (me.isDemo ? <DemoNotice me={me} /> : <SignedInNotice me={me} />)}
      <SignInForm />
      <p>
        No account yet?{' '}
        <Link to="/register" search={{ back: back ?? '' }}>
          Register
        </Link>
      </p>
    </div>
  )
}

function SignInForm() {
  const goBack = useGoBack()
  const client = useQueryClient()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const enter = useMutation({
    mutationFn: signIn,
    onSuccess: async (person) => {
      // What was read as nobody, or as a demo person, is not this person's.
      await client.resetQueries({ predicate: (query) => query.queryKey[0] !== 'me' })
      client.setQueryData(meQuery.queryKey, person)
      goBack()
    },
    onError: () => setPassword(''),
  })
  const waitMs = useTryLater(enter.error)
  const problem = enter.error === null ? null : asProblem(enter.error)
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!enter.isPending && waitMs === 0) enter.mutate({ email: email.trim(), password })
  }
  return (
    <form className="form plate" onSubmit={submit}>
      <TextField
        label="E-mail address"
        type="email"
        autoComplete="username"
        value={email}
        onChange={setEmail}
        maxLength={personLimits.email}
        fault={problem?.reasonFor('email')}
        isRequired
        autoFocus
      />
      <TextField
        label="Password"
        type="password"
        autoComplete="current-password"
        value={password}
        onChange={setPassword}
        maxLength={personLimits.password}
        isRequired
      />
      {problem !== null && <SignInProblem problem={problem} waitMs={waitMs} />}
      <div className="actions">
        <Button look="primary" type="submit" disabled={enter.isPending || waitMs > 0}>
          {enter.isPending ? 'Signing in' : 'Sign in'}
        </Button>
      </div>
    </form>
  )
}

/** Development only. */
function DemoNotice(props: { readonly me: Person }) {
  const { id, name } = props.me
  const goBack = useGoBack()
  const change = useActAs()
  return (
    <div className="notice" data-tone="busy">
      <h2>You are the demo user {name}</h2>
      <p>
        In development nobody needs to sign in. Sign in here as somebody who registered, or go on as{' '}
        {name}.
      </p>
      <Button
        disabled={change.isPending}
        onClick={() => change.mutate(id, { onSuccess: () => goBack() })}
      >
        Go on as {name}
      </Button>
    </div>
  )
}

function SignedInNotice(props: { readonly me: Person }) {
  const goBack = useGoBack()
  const out = useSignOut()
  return (
    <div className="notice" data-tone="good">
      <h2>You are signed in as {props.me.name}</h2>
      <div className="actions">
        <Button onClick={goBack}>Go on as {props.me.name}</Button>
        <Button disabled={out.isPending} onClick={() => out.mutate()}>
          Sign out
        </Button>
      </div>
    </div>
  )
}

/** To where the sign-in interrupted, within this app. */
export function useGoBack(): () => void {
  const router = useRouter()
  return () => {
    const back = new URLSearchParams(globalThis.location.search).get('back')
    router.history.push(safeBack(back ?? undefined))
  }
}
