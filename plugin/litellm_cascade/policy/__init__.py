"""3. What the operator wants: a YAML document, checked when it is loaded, that decides every request in microseconds.

``load_policy(path)`` gives a ``Policy``; ``policy.decide(evidence)`` gives a ``Decision``. From the file to the decision:
``source`` (YAML with positions) -> ``validation`` (``document``, ``references``, ``conditions``) -> ``compiler`` -> ``deciding`` (a route
takes the request, its action or its ``strategies`` choose).
"""

from litellm_cascade.policy.deciding import Policy
from litellm_cascade.policy.document import Document
from litellm_cascade.policy.loader import load_policy, parse_policy
from litellm_cascade.policy.pool import MODALITIES, Capacity, Known, Price

__all__ = ["MODALITIES", "Capacity", "Document", "Known", "Policy", "Price", "load_policy", "parse_policy"]
