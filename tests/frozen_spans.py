"""The reference of spans as a contract: what is exported stands in it, with that type."""

from litellm_cascade.audit.reference import EVENTS, SPANS


def undocumented(name, attributes, events=()):
    """What a span says that the reference does not: sentences, none when all is well. ``events``: pairs of name and attributes."""
    strange = list(_strange(SPANS, name, attributes))
    for event in events:
        strange += _strange(EVENTS, *event)
    return strange


def _strange(groups, name, attributes):
    group = next((group for group in groups if group.documents(name)), None)
    if group is None:
        yield f"{name} is not in the reference"
        return
    types = {attribute.name: attribute.type for attribute in group.attributes}
    for key, value in attributes.items():
        if type(value) is not types.get(key) or (type(value) is tuple and {type(item) for item in value} != {str}):
            yield f"{name}: {key} = {value!r} is not a documented {types.get(key)}"
