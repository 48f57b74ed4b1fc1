"""The table of operators, held to ONNX's own."""

import onnx
import pytest

from deltarule._interchange.onnx.operators import ML_OPSETS, REQUIRED, SUPPORTED

YOUNGER = {"Swish": 24}
HERE = [
    (domain, name)
    for domain, name in SUPPORTED
    if YOUNGER.get(name, 0) <= onnx.defs.onnx_opset_version()
]


@pytest.mark.parametrize(("domain", "name"), HERE)
def test_operators_and_attributes_are_onnx_own(domain: str, name: str) -> None:
    newest = ML_OPSETS[-1] if domain else YOUNGER.get(name, 20)
    known: dict[str, object] = {}
    for version in range(1, newest + 1):
        try:
            schema = onnx.defs.get_schema(name, version, domain)
        except onnx.defs.SchemaError:
            continue  # not there yet
        known |= schema.attributes
    operator = SUPPORTED[domain, name]
    assert set(operator.attributes) <= set(known)
    fewest, most = operator.inputs
    assert schema.min_input <= fewest <= most <= max(schema.max_input, 2)
    for attribute, (default, _) in operator.attributes.items():
        if attribute in schema.attributes and default is not None:
            theirs = schema.attributes[attribute]
            assert theirs.required == (default is REQUIRED)
            if not theirs.required and theirs.default_value.type:
                value = onnx.helper.get_attribute_value(theirs.default_value)
                value = value.decode() if isinstance(value, bytes) else value
                assert value == pytest.approx(default) or value == default
