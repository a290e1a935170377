"""The fixed tables of nuScenes: 23 categories, 8 attributes, 4 visibility levels (descriptions our own)."""

CATEGORIES: dict[str, str] = {
    'human.pedestrian.adult': 'Grown person on foot.',
    'human.pedestrian.child': 'Child on foot.',
    'human.pedestrian.wheelchair': 'Wheelchair, with the person in it.',
    'human.pedestrian.stroller': 'Stroller, with the child in it.',
    'human.pedestrian.personal_mobility': 'Scooter, skateboard or the like, with its rider.',
    'human.pedestrian.police_officer': 'Police officer on foot.',
    'human.pedestrian.construction_worker': 'Construction worker on foot.',
    'animal': 'Any animal.',
    'vehicle.car': 'Passenger car, van or SUV for up to ten people.',
    'vehicle.motorcycle': 'Motorised two-wheeler for road speeds.',
    'vehicle.bicycle': 'Bicycle, with or without a motor.',
    'vehicle.bus.bendy': 'One section of an articulated bus.',
    'vehicle.bus.rigid': 'Bus or coach in one piece.',
    'vehicle.truck': 'Vehicle that hauls cargo; its trailer is a separate object.',
    'vehicle.construction': 'Construction machine.',
    'vehicle.emergency.ambulance': 'Ambulance.',
    'vehicle.emergency.police': 'Police vehicle.',
    'vehicle.trailer': 'Trailer of a truck, car or bicycle.',
    'movable_object.barrier': 'Temporary road barrier.',
    'movable_object.trafficcone': 'Traffic cone.',
    'movable_object.pushable_pullable': 'Cart, bin or other thing that a person moves.',
    'movable_object.debris': 'Loose object that cannot be driven over safely.',
    'static_object.bicycle_rack': 'Rack with all bicycles in it.',
}

ATTRIBUTES: dict[str, str] = {
    'vehicle.moving': 'The vehicle moves.',
    'vehicle.stopped': 'The vehicle stands but means to go on.',
    'vehicle.parked': 'The vehicle stands for longer.',
    'cycle.with_rider': 'Somebody rides the cycle.',
    'cycle.without_rider': 'Nobody rides the cycle.',
    'pedestrian.sitting_lying_down': 'The person sits or lies.',
    'pedestrian.standing': 'The person stands.',
    'pedestrian.moving': 'The person moves.',
}

VISIBILITY_LEVELS: dict[str, tuple[str, str]] = {
    '1': ('v0-40', 'between 0 and 40 % of the object is visible'),
    '2': ('v40-60', 'between 40 and 60 % of the object is visible'),
    '3': ('v60-80', 'between 60 and 80 % of the object is visible'),
    '4': ('v80-100', 'between 80 and 100 % of the object is visible'),
}

TABLES: tuple[str, ...] = (
    'attribute', 'calibrated_sensor', 'category', 'ego_pose', 'instance', 'log', 'map', 'sample',
    'sample_annotation', 'sample_data', 'scene', 'sensor', 'visibility',
)  # fmt: skip
