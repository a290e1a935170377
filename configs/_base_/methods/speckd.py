"""SpecKD (arXiv 2510.24021; SelecTKD in its second version) moved to dense heads: learn what the teacher verifies.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). One pair, IMKD's response term under a gate m::

  response   sum m(x) [QFL(S, p_T) + box_weight c(x) |S - T|] / sum m(x) c(x)

What the gate accepts is one switch, which is also the ablation of confidence against agreement::

  speckd_gate='${speckd_gates.either}'       # student and teacher agree on class and box, or the teacher is confident
  speckd_gate='${speckd_gates.agreement}'    # they agree
  speckd_gate='${speckd_gates.sampled}'      # class accepted with probability min(1, p_T / p_S), and boxes agree
  speckd_gate='${speckd_gates.confidence}'   # the teacher is confident, whatever the student says
  speckd_gate=None                           # everywhere: IMKD's response term

Where neither sees anything they agree on that. ``cover.response`` is the logged rate of acceptance. Published, for
tokens of language models: top-k or probabilistic acceptance, a small weight beta on rejected tokens (its size was not
available to us: 0 here). Thresholds are ours. On the tiny student of the simulated world the term is 0.43 of the
detection loss before training and 0.33 for a trained one, and 2.1 and 3.7 % of the cells are rejected (``agreement``:
4.4 and 5.3 %); the teacher is confident in 2.1 % of them. LEFT OUT: nothing that a detector could have.
"""

_base_ = ['../distill/distiller.py']

speckd_beta = 0.0
speckd_gates = dict(
    either=dict(type='AgreementGate', min_iou=0.5, confident=0.3, rejected='${speckd_beta}'),
    agreement=dict(type='AgreementGate', min_iou=0.5, confident=None, rejected='${speckd_beta}'),
    sampled=dict(type='AgreementGate', accept='sampled', min_iou=0.5, confident=None, rejected='${speckd_beta}'),
    confidence=dict(type='ConfidenceGate', tap='lidar.head', threshold=0.3, rejected='${speckd_beta}'))
speckd_gate = '${speckd_gates.either}'
kd_pairs = dict(response=dict(
    student='head', teacher='lidar.head', mask='${speckd_gate}', loss=dict(type='CenterHeadResponse'), weight=1.0))
