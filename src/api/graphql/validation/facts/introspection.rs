//! Facts of the types of introspection, which the library's registry does not have.

use async_graphql::registry::{MetaType, MetaTypeName, Registry};

use super::{FieldFacts, Rows, SchemaFacts, TypeId, is_list};

/// The types of introspection, with their fields that are lists or have fields. The library does not expose them.
pub(super) const INTROSPECTION: [(&str, &[(&str, &str)]); 6] = [
    (
        "__Schema",
        &[
            ("types", "[__Type!]!"),
            ("queryType", "__Type!"),
            ("mutationType", "__Type"),
            ("subscriptionType", "__Type"),
            ("directives", "[__Directive!]!"),
        ],
    ),
    (
        "__Type",
        &[
            ("fields", "[__Field!]"),
            ("interfaces", "[__Type!]"),
            ("possibleTypes", "[__Type!]"),
            ("enumValues", "[__EnumValue!]"),
            ("inputFields", "[__InputValue!]"),
            ("ofType", "__Type"),
        ],
    ),
    ("__Field", &[("args", "[__InputValue!]!"), ("type", "__Type!")]),
    ("__InputValue", &[("type", "__Type!")]),
    ("__EnumValue", &[]),
    ("__Directive", &[("locations", "[__DirectiveLocation!]!"), ("args", "[__InputValue!]!")]),
];
/// The built-in scalars.
const SCALARS: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];
/// The circular ones of the fields above, as in `MaxIntrospectionDepthRule` of graphql-js.
const CIRCULAR: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

impl SchemaFacts {
    /// Adds the facts of the types of introspection.
    pub(super) fn add_introspection(&mut self, registry: &Registry) {
        let sizes = Sizes::of(registry);
        for (name, fields) in INTROSPECTION {
            for (field, ty) in fields {
                let facts = self.introspection(name, field, ty, &sizes);
                self.insert(name, field, facts);
            }
        }
        for (field, ty) in [("__schema", "__Schema"), ("__type", "__Type")] {
            // Both read all types once.
            let facts = FieldFacts { read: sizes.types, ..self.introspection("Query", field, ty, &sizes) };
            self.insert("Query", field, facts);
        }
        // The list of all types, which has each type once.
        let (Some(usual), Some(usual_field)) = (self.type_of("__Type"), self.type_of("__Field")) else { return };
        let (every, every_field) = (TypeId(self.types.len()), TypeId(self.types.len() + 1));
        self.listed.extend([(every, usual), (every_field, usual_field)]);
        for ty in [usual, usual_field] {
            let mut fields = self.types.get(ty.0).cloned().unwrap_or_default();
            for (name, facts) in &mut fields {
                if let (Some(size), Rows::AtMost(_)) = (sizes.of_field(name), facts.rows) {
                    facts.rows = Rows::InTotal(size.all);
                }
                if name == "fields" {
                    facts.ty = Some(every_field);
                }
            }
            self.types.push(fields);
        }
        if let Some(types) = self.field(self.type_of("__Schema"), "types").copied() {
            self.insert("__Schema", "types", FieldFacts { ty: Some(every), ..types });
        }
    }

    fn introspection(&self, parent: &str, field: &str, ty: &str, sizes: &Sizes) -> FieldFacts {
        let rows = match (parent, field) {
            _ if !is_list(ty) => Rows::One,
            ("__Schema", "types") => Rows::AtMost(sizes.types),
            ("__Schema", "directives") => Rows::AtMost(10),
            ("__Directive", "args") => Rows::AtMost(4),
            ("__Directive", _) => Rows::AtMost(20),
            _ => Rows::AtMost(sizes.of_field(field).map_or(0, |size| size.largest)),
        };
        FieldFacts {
            ty: self.type_of(MetaTypeName::concrete_typename(ty)),
            rows,
            read: 0,
            searched: 0,
            is_circular: parent == "__Type" && CIRCULAR.contains(&field),
        }
    }
}

/// The lengths of the lists of introspection.
pub(super) struct Sizes {
    pub(super) types: usize,
    fields: Size,
    args: Size,
    interfaces: Size,
    possible_types: Size,
    enum_values: Size,
    input_fields: Size,
}

/// The lengths of the lists of one kind: in total, and of the longest.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) all: usize,
    pub(super) largest: usize,
}

impl Size {
    fn of(sizes: impl Iterator<Item = usize>) -> Self {
        let (all, largest) = sizes.fold((0, 0), |(all, largest), size| (all + size, largest.max(size)));
        // The types of introspection count too; these margins cover their lists.
        Self { all: all + 50, largest: largest.max(20) }
    }
}

impl Sizes {
    pub(super) fn of(registry: &Registry) -> Self {
        // The built-in scalars and the types of introspection in addition, which the registry may lack.
        let types = registry.types.len() + SCALARS.len() + INTROSPECTION.len() + 2;
        let all = || registry.types.values();
        let fields = || all().filter_map(MetaType::fields);
        let count = |of: fn(&MetaType) -> usize| Size::of(all().map(of));
        Self {
            types,
            fields: count(|ty| ty.fields().map_or(0, |fields| fields.len())),
            args: Size::of(fields().flat_map(|fields| fields.values()).map(|field| field.args.len())),
            interfaces: Size::of(registry.implements.values().map(|interfaces| interfaces.len())),
            possible_types: count(|ty| ty.possible_types().map_or(0, |types| types.len())),
            enum_values: count(|ty| if let MetaType::Enum { enum_values, .. } = ty { enum_values.len() } else { 0 }),
            input_fields: count(|ty| {
                if let MetaType::InputObject { input_fields, .. } = ty { input_fields.len() } else { 0 }
            }),
        }
    }

    pub(super) fn of_field(&self, field: &str) -> Option<Size> {
        Some(match field {
            "fields" => self.fields,
            "args" => self.args,
            "interfaces" => self.interfaces,
            "possibleTypes" => self.possible_types,
            "enumValues" => self.enum_values,
            "inputFields" => self.input_fields,
            _ => return None,
        })
    }
}
