import { Chip } from '../../ui/chip.tsx'
import { roleMeanings, roleTones, roleWords } from './mappers.ts'
import type { UserRole } from './model.ts'

/** What somebody may do, each role with its meaning on hover. */
export function RoleChips(props: { readonly roles: readonly UserRole[] }) {
  if (props.roles.length === 0) return <span className="eyebrow">no role</span>
  return (
    <span className="role-chips">
      {props.roles.map((role) => (
        <Chip key={role} tone={roleTones[role]} title={roleMeanings[role]}>
          {roleWords[role]}
        </Chip>
      ))}
    </span>
  )
}
