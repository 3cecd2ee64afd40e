import { Select, type SelectProps } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { useQuery } from 'urql'
import { ProviderNameDocument } from '../../gql/admin'
import { useProviders } from './lists'
import { withChoice } from './providerChoices'

type Props = Omit<SelectProps, 'data' | 'value' | 'searchable' | 'filter' | 'onSearchChange'> & {
  value: string | null
}

/** A select for a provider, searched by part of the name. */
export function ProviderPicker({ value, ...select }: Props) {
  const [search, setSearch] = useState('')
  const [debouncedSearch] = useDebouncedValue(search.trim(), 250)
  // The chosen provider may not be among the results of the search.
  const [{ data }] = useQuery({ query: ProviderNameDocument, variables: { id: value ?? '' }, pause: value === null })
  const chosen = value === null ? null : (data?.provider ?? null)
  // The label of the selection is no search.
  const { rows } = useProviders(debouncedSearch === chosen?.name ? '' : debouncedSearch)
  return (
    <Select
      {...select}
      searchable
      nothingFoundMessage="No providers"
      data={withChoice(rows, value, chosen)}
      // The server filters.
      filter={({ options }) => options}
      value={value}
      onSearchChange={setSearch}
    />
  )
}
