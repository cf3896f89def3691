"""Names of common drugs, tests and procedures; a text that names another one beside the right one contradicts itself.

The drugs are among the most often prescribed (ClinCalc DrugStats, from the Medical Expenditure Panel Survey) and those
that hospitals give every day; the tests are those of common panels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_DRUGS: Final = """
acetaminophen acyclovir albuterol alendronate allopurinol alprazolam amiodarone amitriptyline amlodipine amoxicillin
ampicillin apixaban aripiprazole aspirin atenolol atorvastatin azithromycin baclofen benazepril bisoprolol bumetanide
bupropion buspirone calcitriol captopril carbamazepine carvedilol cefazolin cefepime ceftriaxone cefuroxime celecoxib
cephalexin cetirizine chlorthalidone ciprofloxacin citalopram clarithromycin clindamycin clonazepam clonidine
clopidogrel codeine colchicine cyclobenzaprine dabigatran dexamethasone dextrose diazepam diclofenac digoxin diltiazem
diphenhydramine dobutamine docusate donepezil dopamine doxycycline duloxetine enalapril enoxaparin epinephrine
ertapenem erythromycin escitalopram esomeprazole famotidine fentanyl ferrous finasteride fluconazole fluoxetine
fluticasone folic fosfomycin furosemide gabapentin gentamicin glimepiride glipizide haloperidol heparin hydralazine
hydrochlorothiazide hydrocodone hydrocortisone hydromorphone ibuprofen imipenem insulin ipratropium irbesartan
isosorbide ketorolac labetalol lamotrigine lansoprazole levetiracetam levofloxacin levothyroxine lidocaine linezolid
lisinopril lithium loratadine lorazepam losartan magnesium melatonin meropenem metformin methadone methotrexate
methylprednisolone metoclopramide metolazone metoprolol metronidazole midazolam montelukast morphine naloxone naproxen
nicotine nifedipine nitrofurantoin nitroglycerin norepinephrine olanzapine omeprazole ondansetron oxycodone
pantoprazole paroxetine penicillin phenytoin phosphate phytonadione piperacillin potassium pravastatin prednisone
pregabalin prochlorperazine promethazine propofol propranolol quetiapine ramipril ranitidine rifampin risperidone
rivaroxaban rosuvastatin sertraline sildenafil simvastatin sitagliptin sotalol spironolactone sulfamethoxazole
sumatriptan tamsulosin tobramycin topiramate torsemide tramadol trazodone triamcinolone trimethoprim valproate
valsartan vancomycin vasopressin venlafaxine verapamil warfarin zolpidem coumadin kcl mgso4 merrem
"""
_TESTS: Final = """
albumin alt ast amylase bilirubin bnp bun calcium chloride cholesterol cortisol creatinine crp ferritin fibrinogen
glucose haemoglobin hemoglobin hematocrit hba1c inr ketones lactate lipase lipid lymphocyte magnesium phosphorus oxide
citrate gluconate hydroxide carbonate bicarbonate glycinate aspartate acetate platelet platelets potassium
procalcitonin protein ptt sodium triglycerides troponin tsh urea urinalysis wbc urine urinary cerebrospinal csf stool
clearance a1c iodide electrocardiogram ecg ekg radiograph x-ray xray ultrasound mri colonoscopy endoscopy biopsy
dialysis ct pet scan angiogram angiography echocardiogram spirometry mammogram mammography culture gram-stain hcg psa
d-dimer esr b12 folate iron tibc uric ammonia osmolality toxicology stress-test bronchoscopy arthroscopy rheumatology
endocrinology pulmonology podiatry physiotherapy neurosurgery hospice palliative dentistry cardiology neurology
dermatology oncology psychiatry gastroenterology nephrology urology ophthalmology plasma-exchange cryoprecipitate
"""
_STEMS: Final = """
cillin mycin micin floxacin cycline conazole nidazole azole prazole oprazole pril sartan olol dipine statin tidine
setron parin xaban gatran gliptin gliflozin glitazone glutide mab nib vir caine azepam azolam zolam barbital oxetine
triptan curium phylline thiazide semide solone asone terol tropium profen coxib dronate dronic fibrate penem platin
rubicin taxel poetin grastim kinra prost
"""
"""Ends of international nonproprietary names (WHO, The use of stems in the selection of INNs, 2018)."""
_STEM: Final = rf"[a-z]{{2,}}(?:{'|'.join(_STEMS.split())})|(?:cef|ceph|sulfa)[a-z]{{4,}}"
_OTHERS: Final = re.compile(
    rf"(?<![^\W_])(?:{'|'.join([*_DRUGS.split(), *_TESTS.split()])}|{_STEM})(?![^\W_])", re.IGNORECASE
)


def others_in(text: str) -> Iterator[str]:
    """Finds names of drugs, tests and procedures in a text from which the right names were removed."""
    for found in _OTHERS.finditer(text):
        yield found.group(0)
