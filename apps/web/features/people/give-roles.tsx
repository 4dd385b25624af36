import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { roleMeanings, roleWords } from './mappers.ts'
import { userRoles, type Profile } from './model.ts'
import { useChangePerson } from './change-profile.tsx'

/** Roles to give and take, for admins; nobody's own. */
export function GiveRoles(props: { readonly person: Profile; readonly isOwn: boolean }) {
  const { person, isOwn } = props
  const [roles, setRoles] = useState(person.roles)
  const change = useChangePerson(person.id, isOwn)
  const isSame =
    roles.length === person.roles.length && roles.every((role) => person.roles.includes(role))
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!change.isPending && !isSame) change.mutate({ roles })
  }
  return (
    <section className="plate person-part" aria-labelledby="roles-title">
      <h2 id="roles-title">Roles</h2>
      <form className="form" onSubmit={submit}>
        <fieldset className="role-choices" disabled={isOwn}>
          <legend className="visually-hidden">Roles of {person.name}</legend>
          {userRoles.map((role) => (
            <label key={role}>
              <input
                type="checkbox"
                checked={roles.includes(role)}
                onChange={(event) =>
                  setRoles(
                    userRoles.filter((each) =>
                      each === role ? event.target.checked : roles.includes(each),
                    ),
                  )
                }
              />
              <span>
                {roleWords[role]} <small>{roleMeanings[role]}</small>
              </span>
            </label>
          ))}
        </fieldset>
        {isOwn ? (
          <p className="eyebrow">Your own roles are another admin’s matter.</p>
        ) : (
          <>
            <p className="eyebrow">
              Who is signed in has the new roles within ten minutes, when the access token is
              renewed.
            </p>
            {change.isError && <ProblemNotice problem={asProblem(change.error)} />}
            <div className="actions">
              <Button look="primary" type="submit" disabled={change.isPending || isSame}>
                {change.isPending ? 'Saving' : 'Save roles'}
              </Button>
            </div>
          </>
        )}
      </form>
    </section>
  )
}
