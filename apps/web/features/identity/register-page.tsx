import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { asProblem, type ApiProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { meQuery, register, signIn, type Registration } from './api.ts'
import type { Person } from './model.ts'
import { RegistrationForm } from './registration-form.tsx'
import { SignInProblem, useTryLater } from './sign-in-problem.tsx'
import { useGoBack } from './sign-in-page.tsx'
import './identity.css'

/** Registration, and the first sign-in with it. */
export function RegisterPage() {
  useTitle('Register')
  const { back } = useSearch({ from: '/register' })
  const client = useQueryClient()
  const goBack = useGoBack()
  const join = useMutation({
    mutationFn: registerAndSignIn,
    onSuccess: async (person) => {
      await client.resetQueries({ predicate: (query) => query.queryKey[0] !== 'me' })
      client.setQueryData(meQuery.queryKey, person)
      goBack()
    },
  })
  const waitMs = useTryLater(join.error)
  const problem = join.error === null ? null : asProblem(join.error)
  return (
    <div className="page outside">
      <header>
        <h1>Register</h1>
        <p>An account orders and discusses. An admin can make you staff later.</p>
      </header>
      <div className="plate">
        <RegistrationForm
          problem={problem}
          notice={problem !== null && <Refusal problem={problem} waitMs={waitMs} />}
          isBusy={join.isPending || waitMs > 0}
          submitWord={join.isPending ? 'Registering' : 'Register and sign in'}
          onSubmit={(registration) => join.mutate(registration)}
        />
      </div>
      <p>
        Registered already?{' '}
        <Link to="/sign-in" search={{ back: back ?? '' }}>
          Sign in
        </Link>
      </p>
    </div>
  )
}

async function registerAndSignIn(registration: Registration): Promise<Person> {
  await register(registration)
  const { email, password } = registration
  return signIn({ email, password })
}

/** Registration itself answers the same for an address that is taken; its owner's password is another then. */
function Refusal(props: { readonly problem: ApiProblem; readonly waitMs: number }) {
  if (props.problem.facts.code !== 'MR_USERS_SIGN_IN_REFUSED') return <SignInProblem {...props} />
  return (
    <div className="notice" data-tone="attention" role="alert">
      <h3>This e-mail address has an account already, with another password</h3>
      <p>Sign in with that one, or register another address. Nothing was changed.</p>
    </div>
  )
}
