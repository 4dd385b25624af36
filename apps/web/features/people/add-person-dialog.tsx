import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { asProblem, ApiProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { register, type Registration } from '../identity/api.ts'
import { RegistrationForm } from '../identity/registration-form.tsx'
import { TooManyTries, useTryLater } from '../identity/sign-in-problem.tsx'
import { getPerson, usersKey } from './api.ts'
import type { Profile } from './model.ts'

/** Registers somebody else, and shows the account. Who it is for changes the password after the first sign-in. */
export function AddPersonDialog(props: { readonly isOpen: boolean; readonly onClose: () => void }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const add = useMutation({
    mutationFn: registerAndRead,
    onSuccess: async (person) => {
      client.setQueryData([...usersKey, 'one', person.id], person)
      void client.invalidateQueries({ queryKey: usersKey })
      await navigate({ to: '/people/$personId', params: { personId: person.id } })
    },
  })
  const waitMs = useTryLater(add.error)
  const problem = add.error === null ? null : asProblem(add.error)
  const close = (): void => {
    add.reset()
    props.onClose()
  }
  return (
    <Dialog title="Register somebody" isOpen={props.isOpen} onClose={close}>
      <RegistrationForm
        problem={problem}
        notice={problem !== null && <Refusal problem={problem} waitMs={waitMs} />}
        isBusy={add.isPending || waitMs > 0}
        submitWord={add.isPending ? 'Registering' : 'Register'}
        onSubmit={(registration) => add.mutate(registration)}
        actions={<Button onClick={close}>Cancel</Button>}
      />
    </Dialog>
  )
}

/** For an address that is taken, the id that registration answers is nobody's. Staff may see that, strangers not. */
async function registerAndRead(registration: Registration): Promise<Profile> {
  const id = await register(registration)
  try {
    return await getPerson(id)
  } catch (error) {
    if (error instanceof ApiProblem && error.isMissing) throw addressTaken(error)
    throw error
  }
}

function addressTaken(cause: ApiProblem): ApiProblem {
  const detail = 'Nothing was changed. Find the account in the list, or take another address.'
  return new ApiProblem(
    {
      ...cause.facts,
      status: 409,
      code: 'MR_WEB_ADDRESS_TAKEN',
      title: 'This e-mail address has an account already',
      detail,
      fields: [{ field: 'email', reason: 'has an account already' }],
    },
    { cause },
  )
}

function Refusal(props: { readonly problem: ApiProblem; readonly waitMs: number }) {
  const { problem } = props
  return problem.facts.status === 429 ? (
    <TooManyTries {...props} />
  ) : (
    <ProblemNotice problem={problem} />
  )
}
