import { PasswordInput, type PasswordInputProps } from '@mantine/core'

/** The field for the operator's own password, which confirms a change of who may do what. */
export function OwnPasswordField(props: PasswordInputProps) {
  return (
    <PasswordInput
      label="Your own password"
      description="To confirm that it is you"
      autoComplete="current-password"
      aria-invalid={props.error ? true : undefined}
      {...props}
    />
  )
}
