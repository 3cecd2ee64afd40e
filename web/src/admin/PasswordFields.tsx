import { PasswordInput, type PasswordInputProps } from '@mantine/core'

/** The field for a password that is set for somebody. */
export function NewPasswordField(props: PasswordInputProps) {
  return <PasswordField autoComplete="new-password" {...props} />
}

/** The field for the operator's own password, which confirms a change of who may do what. */
export function OwnPasswordField(props: PasswordInputProps) {
  return (
    <PasswordField
      label="Your own password"
      description="To confirm that it is you"
      autoComplete="current-password"
      {...props}
    />
  )
}

/** The library does not tell screen readers that a password is invalid. */
function PasswordField(props: PasswordInputProps) {
  return <PasswordInput aria-invalid={props.error ? true : undefined} {...props} />
}
